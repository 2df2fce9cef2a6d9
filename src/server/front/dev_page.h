// The page of `ubiq dev`, at DEV_PAGE_PATH: shows the project's own page in a frame, loads it again after each build, and lays a
// red box with the error over it while the last build has failed.
//
// LOCKS: one, around what builds came to; held for a copy. Any thread.
#ifndef SERVER_FRONT_DEV_PAGE_H
#define SERVER_FRONT_DEV_PAGE_H

#include "server/front/response.h"

#define DEV_PAGE_PATH "/_ubiq/dev"

typedef struct dev_page dev_page;

/// NULL when memory is out. The caller's.
dev_page *dev_page_new(void);

/// Notes that a build has ended, with `error` when it failed; NULL: it is served. The text is copied; colours in it are left out.
void dev_page_built(dev_page *self, const char *error);

/// Answers a GET for the page and for what it asks for; false for any other path.
bool dev_page_answer(dev_page *self, text method, text path, answer *out);

/// NULL is allowed.
void dev_page_delete(dev_page *self);

#endif
