/// /proc/self/pagemap, in which Linux tells which pages of the process's memory were touched.
#ifndef BASE_PAGE_FILE_H
#define BASE_PAGE_FILE_H

/// Opens it for those who ask later. Once a process hides its memory, or has changed its user, only root may: whoever does either
/// calls this before. While there is one thread.
void page_file_keep(void);

/// A descriptor of the caller's own; below 0: the system does not tell.
int page_file_open(void);

#endif
