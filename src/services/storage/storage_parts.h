// What the parts of the service storage share: storage.c (the whole, its threads), storage_entry.c (entries in the backend),
// storage_file.c (files), storage_objects.c, storage_get.c, storage_rows.c (objects in rows), storage_intake.c (objects that come in parts),
// storage_uploads.c and storage_list.c (handlers), storage_range.c.
#ifndef SERVICES_STORAGE_STORAGE_PARTS_H
#define SERVICES_STORAGE_STORAGE_PARTS_H

#include "base/map.h"
#include "base/memo.h"
#include "services/condition.h"
#include "services/storage/storage.h"
#include "services/stored_value.h"

#include <pthread.h>

enum { STORAGE_ID_SIZE = 33, STORAGE_THREADS = 4, STORAGE_WAITING_MAX = 1024, STORAGE_RECENT_MAX = 16 << 20 };

/// Work for one of the threads. Lives in its call's arena.
typedef struct storage_job {
  struct storage_job *next;
  storage *storage;
  service_call *call;
  ubiq_error *(*work)(struct storage_job *self); ///< sets the answer, or answers an error
  service_handler handler;                       ///< instead of `work`: ends the call itself, later perhaps
} storage_job;

/// An upload under way. Guarded by `lock`, but for what its holder (`is_busy`) does.
typedef struct storage_upload {
  struct storage_upload *next;
  char id[STORAGE_ID_SIZE];
  char *key; ///< of the entry that it becomes; owned
  size_t key_size;
  char *media_type, *metadata; ///< owned
  uint64_t size;
  uint64_t last_ns; ///< monotonic clock
  bool is_busy;
} storage_upload;

struct storage {
  storage_settings settings;
  char *directory;
  int lock_file; ///< held while the folder is used
  int copying;   ///< `.copying`
  /// Bytes of small objects that were written or read of late, by the objects' ids, under which they never change: reading them from
  /// their row takes a system call for each page.
  memo *recent;
  pthread_t threads[STORAGE_THREADS];
  size_t threads_count;
  pthread_mutex_t lock; ///< guards what follows
  pthread_cond_t changed;
  storage_job *first, **last;
  size_t waiting;
  size_t entered; ///< calls that go on where the backend answers
  bool is_ending;
  map used; ///< bytes by project
  storage_upload *uploads;
  size_t uploads_count;
  uint64_t look_ns; ///< monotonic clock: when they are looked after next
};

// ------------------------------------------------------------------------------------------------------------- storage.c

/// Hands a call over to a thread. Errors: `unavailable`, `busy`; the call goes on then.
ubiq_error *storage_hand_over(service_call *call, ubiq_error *(*work)(storage_job *self));
/// The same; ends the call when that cannot be.
void storage_start(service_call *call, ubiq_error *(*work)(storage_job *self));
/// Hands a call over to a handler that ends it itself, later perhaps. Errors: as above.
ubiq_error *storage_continue(service_call *call, service_handler handler);
/// The same; ends the call when that cannot be.
void storage_start_handler(service_call *call, service_handler handler);

/// Between both the storage does not end; `storage_leave` is the last that is done with it. Errors: `unavailable`.
ubiq_error *storage_enter(service_call *call, storage **out);
void storage_leave(storage *self);

/// The project of a key of the backend.
text storage_project_of(text key);
/// Counts `size` bytes more for the key's project when, `less` taken away, there is room for them by the caller's quotas. Errors: `quota`.
ubiq_error *storage_reserve(storage *self, const service_caller *caller, text key, uint64_t size, uint64_t less);
/// Counts bytes less.
void storage_release(storage *self, text key, uint64_t size);

// ------------------------------------------------------------------------------------------------------ storage_entry.c

/// What is known of an object.
typedef struct storage_entry {
  char id[STORAGE_ID_SIZE];
  uint64_t size;
  uint64_t modified_ms;
  bool is_json;
  bool is_in_row;  ///< its bytes are beside the entry; else it is a file
  text media_type; ///< of bytes
  text metadata;   ///< a JSON object; empty: none
  uint64_t version;
  ubiq_bytes bytes; ///< to be put in a row; borrowed
} storage_entry;

/// The place of all objects' entries.
extern const backend_place storage_place;

/// The key of a path, in the call's arena. Errors: `invalid_input` for what is no path.
ubiq_error *storage_key(service_call *call, text path, text *out);
/// The same of a prefix, which any text is.
ubiq_error *storage_prefix(service_call *call, text prefix, text *out);
/// The part of a key that is the path.
text storage_path_of(text key);

/// Reads an entry's value; what it points to is in the arena. False when it is none, or memory is out.
UBIQ_NODISCARD bool storage_entry_read(ubiq_bytes value, arena *arena, storage_entry *out);

/// Writes it, without its bytes.
UBIQ_NODISCARD bool storage_entry_write(buffer *out, const storage_entry *entry);

/// Looks an entry up, and waits. Errors: those of the backend.
ubiq_error *storage_entry_find(storage *self, text key, arena *arena, bool *is_found, storage_entry *out);

/// How entries are written: each alone, and so many of them.
backend_kv_write storage_entry_change(backend_kv_change *change, void (*done)(backend_kv_write *self), void *user);

/// Makes the file of `entry`, or its bytes, the object of the key, whose reservation it has, and removes the file that was it before.
/// Errors: `conflict` with `*is_refused` when `condition` does not hold; those of the backend. The file is the caller's then.
ubiq_error *storage_entry_put(storage *self, text key, arena *arena, const storage_entry *entry,
                              const condition *condition, bool *is_refused);

/// Removes the key's object, if there is one. Errors: as above.
ubiq_error *storage_entry_delete(storage *self, text key, arena *arena, const condition *condition, bool *is_refused);

/// Whether a condition holds of an object; NULL: there is none. Errors: `conflict`.
ubiq_error *storage_entry_check(const condition *condition, const storage_entry *entry);

/// Keeps the bytes of an object in memory for who reads it next.
void storage_keep_recent(const storage *self, const storage_entry *entry, ubiq_bytes bytes);

/// What was there goes when what replaces it is told of: the file, if it was one, and its reservation.
void storage_entry_end(storage *self, text key, const storage_entry *old);

/// Tells every entry, page by page. Errors: those of the backend.
ubiq_error *storage_entry_each(storage *self, void (*each)(void *user, const backend_kv_entry *entry), void *user);

// ------------------------------------------------------------------------------------------------------- storage_file.c

/// What a system call says of a file, for who need not know where files are. Errors: `not_found`, `quota` (the disk is full), `internal`.
ubiq_error *storage_file_error(int number, const char *path);
void storage_new_id(char out[STORAGE_ID_SIZE]);
/// `objects/ID`, or the name that a file has until it is whole. The caller's; NULL when memory is out.
char *storage_file_path(const storage *self, const char *id, bool is_whole);
/// Writes bytes at `offset` of an open file; `path` is for errors.
ubiq_error *storage_file_write_at(int file, const char *path, uint64_t offset, ubiq_bytes bytes);
/// The same of a file that is not whole.
ubiq_error *storage_file_write(const storage *self, const char *id, uint64_t offset, ubiq_bytes bytes);
/// Gives it its name and syncs both. A file that cannot be synced is removed.
ubiq_error *storage_file_finish(const storage *self, const char *id);
/// Removes it, unless it is whole and somebody copies the folder: then the next start does.
void storage_file_remove(const storage *self, const char *id, bool is_whole);
/// Whether a name is that of a file that no entry of `ids` has. Names that are none of ours are not.
bool storage_file_is_orphan(const char *name, const map *ids);
/// Opens a whole file. Errors: `not_found` when it was replaced meanwhile.
ubiq_error *storage_file_open(const storage *self, const char *id, int *out);
/// Appends a part of a whole file. Errors: `not_found` when it was replaced meanwhile.
ubiq_error *storage_file_read(const storage *self, const char *id, uint64_t from, size_t size, buffer *out);
/// Removes what no entry names; `ids` has those that do.
ubiq_error *storage_file_sweep(const storage *self, const map *ids);

// ------------------------------------------------------------------------------------------------------ storage_range.c

/// What of an object is asked for.
typedef struct storage_range {
  bool is_whole;  ///< the object itself
  bool is_missed; ///< the object has none of it
  uint64_t from, size;
} storage_range;

/// Whether a header is for `storage_range_read`: what asks for several ranges, or in other units, is answered with the whole, as RFC 9110
/// has it (section 14.2).
bool storage_range_is_one(text value);
/// `bytes=0-9`, `bytes=10-`, `bytes=-10`; one range. Errors: `invalid_input`, also with `is_missed`.
ubiq_error *storage_range_read(text value, uint64_t object_size, storage_range *out);

// ------------------------------------------------------------------------------------------------------- storage_rows.c

/// Ends the call: puts `entry->bytes` into a row. Of `entry` its bytes, type and `is_json` count; it is copied, its bytes live as long as
/// the call.
void storage_row_put(service_call *call, const storage_entry *entry);
/// Whether an object of so many bytes is kept in a row. `self` may be NULL.
bool storage_is_for_row(const storage *self, uint64_t size);

// ------------------------------------------------------------------------------------------------- shared by handlers

/// The work of a put whose body comes in parts: sets the call's intake.
ubiq_error *storage_intake_begin(storage_job *job);

/// Checks a header with metadata. `*out` is what is kept, in the arena; empty without one. Errors: `invalid_input`.
ubiq_error *storage_metadata(service_call *call, const service_param *header, text *out);
/// Makes a file that is written the object of the key. What fails gives file and reservation back. Errors: those of storage_entry_put, with
/// status 412 for what `condition` refuses.
ubiq_error *storage_commit(storage *self, service_call *call, text key, const storage_entry *entry,
                           const condition *condition);
/// What a put asks for.
condition storage_put_condition(const service_call *call);
/// Gives a reservation back, unless the object may have been kept after `error`: the next start knows. True when it was given back.
bool storage_give_back(storage *self, text key, const storage_entry *entry, const ubiq_error *error);
/// Answers that an object was written.
ubiq_error *storage_answer_written(service_call *call, const storage_entry *entry);
ubiq_error *storage_no_object(void);
/// Adds the tag, the date and the metadata to an answer. False when memory or room is out.
UBIQ_NODISCARD bool storage_add_headers(service_call *call, const storage_entry *entry);
/// Drops uploads, all or those to which nothing comes any more.
void storage_uploads_drop(storage *self, bool all);

#endif
