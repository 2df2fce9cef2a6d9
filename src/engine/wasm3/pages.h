// Memory for the interpreter's stacks and for guests: zeros that take no room until they are touched, and that are brought
// back without touching them. It is included by Wasm3's own sources too, where patch.py puts it in place of the heap.
#ifndef ENGINE_WASM3_PAGES_H
#define ENGINE_WASM3_PAGES_H

#include <stddef.h>

/// Makes `size` bytes of zeros, at the beginning of a page, or makes `pages` of `old_size` bytes as large: what is kept of
/// them stays, what is added is zeros. NULL when there is no memory, and `pages` are as they were.
void *w3_pages_resize(void *pages, size_t old_size, size_t size);

/// Makes the bytes behind the first `kept` ones zeros.
void w3_pages_clear(void *pages, size_t kept, size_t size);

/// NULL is allowed.
void w3_pages_free(void *pages, size_t size);

#endif
