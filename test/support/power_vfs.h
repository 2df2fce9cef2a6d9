/// A file system for SQLite that forgets, when its process is killed, what was not synced, as a disk does when the power fails:
/// sectors that were written are kept in memory until the file is synced; some, by chance, reach the disk before, in any order, so
/// that pages are torn. Every file but those that SQLite shares between processes (its -shm) goes through it.
///
/// Test only, and for one process at a time: what is in memory is the process's own.
#ifndef UBIQ_TEST_POWER_VFS_H
#define UBIQ_TEST_POWER_VFS_H

#include <stdbool.h>

/// Makes it the default of this process. `seed` is of the chance; with `forgets_synced` even syncs do nothing, so that a test can
/// see that it would notice.
void power_vfs_install(unsigned long long seed, bool forgets_synced);

/// What is written from now on finds no room; or syncs fail. Any thread.
void power_vfs_fill(bool full);
void power_vfs_break(bool broken);

#endif
