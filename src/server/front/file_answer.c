// A file's answer is libmicrohttpd's to send: straight from the descriptor, or from the release's memory, which the
// connection's lease keeps.
#include "server/front/file_answer.h"

#include "server/front/exchange.h"
#include "server/front/front.h"

#include <stdio.h>
#include <unistd.h>

enum { DATE_SIZE = 32 };

/// What is asked for of one file.
typedef struct asked {
  const connection *connection;
  const project_files *settings;
  const static_file *file;
  char modified[DATE_SIZE]; ///< as headers have dates; empty: nobody knows
} asked;

/// A part of a file.
typedef struct range {
  uint64_t first, size;
} range;

typedef enum range_result { RANGE_WHOLE, RANGE_PART, RANGE_NONE } range_result;

/// `Sun, 06 Nov 1994 08:49:37 GMT`, whatever the locale.
static void print_date(time_t when, char out[DATE_SIZE]) {
  static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm parts;
  out[0] = '\0';
  if (when == 0 || gmtime_r(&when, &parts) == NULL) return;
  snprintf(out, DATE_SIZE, "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * (size_t)parts.tm_wday, parts.tm_mday,
           months + 3 * (size_t)parts.tm_mon, parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// ------------------------------------------------------------------------------------------------------ conditions

/// Whether a list of tags has this one; a weak one is as good, because it is only asked whether to send again.
static bool has_tag(text list, const char *tag) {
  text item;
  while (text_split(&list, ',', &item)) {
    item = text_trim(item);
    if (text_starts_with(item, TEXT("W/"))) item = (text){item.data + 2, item.size - 2};
    if (text_equal_string(item, tag) || text_equal_string(item, "*")) return true;
  }
  return false;
}

/// A date is only ever compared with the one that we gave.
static bool is_known(const asked *self) {
  text tags = connection_header(self->connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
  if (tags.size > 0) return has_tag(tags, self->file->tag);
  text date = connection_header(self->connection, MHD_HTTP_HEADER_IF_MODIFIED_SINCE);
  return date.size > 0 && text_equal_string(date, self->modified);
}

// ---------------------------------------------------------------------------------------------------------- ranges

/// `5-9`, `5-` or `-5`; one that is no range is as if it was not there.
static range_result read_range(text value, uint64_t size, range *out) {
  text first;
  uint64_t from, to = UINT64_MAX;
  if (!text_split(&value, '-', &first) || value.data == NULL) return RANGE_WHOLE;
  bool has_end = value.size > 0;
  if (has_end && !text_to_u64(value, &to)) return RANGE_WHOLE;
  if (first.size == 0) {
    if (!has_end) return RANGE_WHOLE;
    uint64_t count = to < size ? to : size;
    *out = (range){size - count, count};
    return count > 0 ? RANGE_PART : RANGE_NONE;
  }
  if (!text_to_u64(first, &from) || to < from) return RANGE_WHOLE;
  if (from >= size) return RANGE_NONE;
  *out = (range){from, (to < size - 1 ? to : size - 1) - from + 1};
  return RANGE_PART;
}

/// A part, when it is of the file as it is. Several at once are answered with the whole, as anybody may; HEAD has to be
/// (RFC 9110, section 14.2).
static range_result find_range(const asked *self, range *out) {
  text value = connection_header(self->connection, MHD_HTTP_HEADER_RANGE);
  text condition = connection_header(self->connection, MHD_HTTP_HEADER_IF_RANGE);
  bool holds = condition.size == 0 || text_equal_string(condition, self->file->tag) ||
               (self->modified[0] != '\0' && text_equal_string(condition, self->modified));
  bool is_get = strcmp(self->connection->method, MHD_HTTP_METHOD_GET) == 0;
  if (!is_get || !holds || !text_starts_with(value, TEXT("bytes="))) return RANGE_WHOLE;
  return read_range((text){value.data + 6, value.size - 6}, self->file->size, out);
}

// --------------------------------------------------------------------------------------------------------- answers

static void add(answer *self, const char *name, const char *value) {
  if (self->response != NULL && value[0] != '\0') MHD_add_response_header(self->response, name, value);
}

static answer empty(unsigned status) {
  return (answer){MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT), status};
}

static answer content(const static_file *file, unsigned status, range part) {
  answer self = {.status = status};
  if (file->descriptor >= 0)
    self.response = MHD_create_response_from_fd_at_offset64(part.size, file->descriptor, part.first);
  else
    self.response = MHD_create_response_from_buffer(part.size, (void *)(uintptr_t)(file->bytes.data + part.first),
                                                    MHD_RESPMEM_PERSISTENT);
  return self;
}

/// What holds for the file whether or not it is sent.
static void add_facts(const asked *self, answer *out) {
  char keep[64] = "no-cache";
  if (self->settings->max_age_ms > 0)
    snprintf(keep, sizeof keep, "public, max-age=%llu", (unsigned long long)(self->settings->max_age_ms / 1000));
  add(out, MHD_HTTP_HEADER_ETAG, self->file->tag);
  add(out, MHD_HTTP_HEADER_LAST_MODIFIED, self->modified);
  add(out, MHD_HTTP_HEADER_CACHE_CONTROL, keep);
}

static answer answer_content(const asked *self) {
  const static_file *file = self->file;
  range part = {0, file->size};
  char described[80] = "";
  range_result result = find_range(self, &part);
  if (result == RANGE_NONE) {
    answer out = empty(MHD_HTTP_RANGE_NOT_SATISFIABLE);
    snprintf(described, sizeof described, "bytes */%llu", (unsigned long long)file->size);
    add(&out, MHD_HTTP_HEADER_CONTENT_RANGE, described);
    return out;
  }
  answer out = content(file, result == RANGE_PART ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, part);
  if (result == RANGE_PART)
    snprintf(described, sizeof described, "bytes %llu-%llu/%llu", (unsigned long long)part.first,
             (unsigned long long)(part.first + part.size - 1), (unsigned long long)file->size);
  add(&out, MHD_HTTP_HEADER_CONTENT_RANGE, described);
  add(&out, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
  add(&out, MHD_HTTP_HEADER_CONTENT_TYPE, file->media_type);
  return out;
}

/// libmicrohttpd closes a descriptor that is in a response.
static void close_unused(const static_file *file, const answer *answer) {
  bool is_used = answer->response != NULL && answer->status != MHD_HTTP_RANGE_NOT_SATISFIABLE;
  if (file->descriptor >= 0 && !is_used) close(file->descriptor);
}

static answer answer_found(const connection *self, const static_files *files, const static_file *file) {
  asked asked = {.connection = self, .settings = static_files_settings(files), .file = file};
  print_date(file->modified, asked.modified);
  // No content is sent with 304, but the length that is told beside it is the file's (RFC 9110, section 8.6).
  answer out = is_known(&asked) ? content(file, MHD_HTTP_NOT_MODIFIED, (range){0, file->size}) : answer_content(&asked);
  close_unused(file, &out);
  add_facts(&asked, &out);
  return out;
}

/// The same path with a slash, so that what the index names stands beside it.
static answer redirect(const connection *self) {
  answer out = empty(MHD_HTTP_PERMANENT_REDIRECT);
  buffer place = {0};
  text path = exchange_target(self).path;
  bool good = buffer_append(&place, path.data, path.size) && buffer_append_byte(&place, '/');
  const char *location = good ? buffer_string(&place) : NULL;
  if (location != NULL) add(&out, MHD_HTTP_HEADER_LOCATION, location);
  buffer_free(&place);
  return out;
}

answer answer_file(const connection *self, const static_files *files, const router_match *match) {
  static_file file;
  if (match->count == 0) return redirect(self);
  switch (static_files_find(files, match->values[match->count - 1], &file)) {
  case STATIC_FOUND: return answer_found(self, files, &file);
  case STATIC_IS_FOLDER: return redirect(self);
  default: return answer_problem(UBIQ_NOT_FOUND, "there is no file at this path");
  }
}
