// Headers of 512 bytes, each followed by its file's bytes, padded to as many.
#include "runtime/bundle/bundle_tar.h"

#include <assert.h>
#include <stdio.h>

enum { BLOCK_BYTES = 512, END_BLOCKS = 2 };

/// POSIX 1003.1-1988, section 10.1.1. Numbers are octal digits, ended by NUL or a blank.
typedef struct header {
  char name[BUNDLE_NAME_BYTES_MAX];
  char mode[8], owner[8], group[8];
  char size[12], time[12];
  char checksum[8]; ///< of all bytes of the header, these taken as blanks
  char type;        ///< '0': a file
  char link[100];
  char magic[6], version[2];
  char owner_name[32], group_name[32];
  char major[8], minor[8];
  char prefix[155]; ///< of a name that needs more room
  char unused[12];
} header;
_Static_assert(sizeof(header) == BLOCK_BYTES, "a header is a block");

static bool is_part(text part) {
  if (part.size == 0 || part.data[0] == '.') return false;
  for (size_t i = 0; i < part.size; i++) {
    char c = part.data[i];
    bool is_good =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!is_good) return false;
  }
  return true;
}

bool bundle_name_valid(text name) {
  size_t depth = 0;
  bool good = name.size > 0 && name.size <= BUNDLE_NAME_BYTES_MAX;
  for (text part; good && text_split(&name, '/', &part);) good = is_part(part) && ++depth <= BUNDLE_DEPTH_MAX;
  return good;
}

static unsigned sum(const header *header) {
  const uint8_t *bytes = (const uint8_t *)header;
  unsigned total = sizeof header->checksum * ' ';
  for (size_t i = 0; i < sizeof *header; i++) total += bytes[i];
  for (size_t i = 0; i < sizeof header->checksum; i++) total -= (uint8_t)header->checksum[i];
  return total;
}

static size_t padding(size_t size) {
  return (BLOCK_BYTES - size % BLOCK_BYTES) % BLOCK_BYTES;
}

// --------------------------------------------------------------------------------------------------------- writing

static void fill(header *header, const bundle_file *file) {
  *header = (struct header){.type = '0', .magic = "ustar", .version = {'0', '0'}};
  memcpy(header->name, file->name.data, file->name.size);
  memcpy(header->mode, "0000644", 8);
  memcpy(header->owner, "0000000", 8);
  memcpy(header->group, "0000000", 8);
  memcpy(header->time, "00000000000", 12);
  memcpy(header->major, "0000000", 8);
  memcpy(header->minor, "0000000", 8);
  snprintf(header->size, sizeof header->size, "%011zo", file->content.size);
  snprintf(header->checksum, sizeof header->checksum, "%06o", sum(header));
  header->checksum[7] = ' ';
}

static bool append_zeros(buffer *out, size_t size) {
  static const uint8_t zeros[BLOCK_BYTES * END_BLOCKS];
  return buffer_append(out, zeros, size);
}

bool bundle_tar_append(buffer *out, const bundle_file *file) {
  assert(bundle_name_valid(file->name));
  header header;
  fill(&header, file);
  return buffer_append(out, &header, sizeof header) && buffer_append(out, file->content.data, file->content.size) &&
         append_zeros(out, padding(file->content.size));
}

bool bundle_tar_end(buffer *out) {
  return append_zeros(out, (size_t)BLOCK_BYTES * END_BLOCKS);
}

// --------------------------------------------------------------------------------------------------------- reading

static bool read_octal(const char *field, size_t size, size_t *number) {
  size_t i = 0;
  *number = 0;
  for (; i < size && field[i] >= '0' && field[i] <= '7'; i++) *number = *number * 8 + (size_t)(field[i] - '0');
  bool has_digits = i > 0;
  while (i < size && (field[i] == '\0' || field[i] == ' ')) i++;
  return has_digits && i == size;
}

static bool is_zero(ubiq_bytes bytes) {
  for (size_t i = 0; i < bytes.size; i++)
    if (bytes.data[i] != 0) return false;
  return true;
}

static ubiq_error *cut_off(const char *archive) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is cut off: its archive has no end", archive);
}

static ubiq_error *check_end(const char *archive, ubiq_bytes rest) {
  if (rest.size < (size_t)BLOCK_BYTES * END_BLOCKS) return cut_off(archive);
  if (is_zero(rest)) return NULL;
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: has something behind its archive's end; expected nothing", archive);
}

static ubiq_error *check_type(const char *archive, const header *header, text name) {
  if (header->type == '0') return NULL;
  static const char *const types[] = {
      ['1'] = "a hard link", ['2'] = "a symbolic link", ['3'] = "a device",           ['4'] = "a device",
      ['5'] = "a folder",    ['6'] = "a pipe",          ['g'] = "an extended header", ['x'] = "an extended header"};
  uint8_t type = (uint8_t)header->type;
  const char *what = type < sizeof types / sizeof types[0] && types[type] != NULL ? types[type] : "of an unknown type";
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: \"%.*s\" is %s; expected plain files only", archive, (int)name.size,
                        name.data, what);
}

static ubiq_error *check_header(const char *archive, const header *header, text name, size_t *size) {
  size_t checksum = 0;
  if (!read_octal(header->checksum, sizeof header->checksum, &checksum) || checksum != sum(header))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: is damaged: a header of its archive has a wrong checksum", archive);
  if (memcmp(header->magic,
             "ustar\0"
             "00",
             8) != 0)
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: has an archive of another kind; expected a POSIX one (ustar)",
                          archive);
  ubiq_error *error = check_type(archive, header, name);
  if (error != NULL) return error;
  if (header->prefix[0] != '\0' || !bundle_name_valid(name))
    return ubiq_error_new(UBIQ_INVALID_INPUT,
                          "%s: has a file named \"%.*s\"; expected a path of at most %d bytes and %d parts made of "
                          "letters, digits, '.', '_' and '-', none of which begins with '.'",
                          archive, (int)name.size, name.data, BUNDLE_NAME_BYTES_MAX, BUNDLE_DEPTH_MAX);
  if (!read_octal(header->size, sizeof header->size, size))
    return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: \"%.*s\" has a size that is no octal number", archive,
                          (int)name.size, name.data);
  return NULL;
}

ubiq_error *bundle_tar_next(const char *archive, ubiq_bytes tar, size_t *at, bundle_file *file, bool *found) {
  *found = false;
  if (tar.size - *at < BLOCK_BYTES) return cut_off(archive);
  ubiq_bytes rest = {tar.data + *at, tar.size - *at};
  if (is_zero((ubiq_bytes){rest.data, BLOCK_BYTES})) return check_end(archive, rest);
  const header *header = (const struct header *)rest.data;
  text name = {header->name, strnlen(header->name, sizeof header->name)};
  size_t size = 0;
  ubiq_error *error = check_header(archive, header, name, &size);
  if (error != NULL) return error;
  size_t room = rest.size - BLOCK_BYTES;
  if (size > room || padding(size) > room - size) return cut_off(archive);
  *file = (bundle_file){name, {rest.data + BLOCK_BYTES, size}};
  *at += BLOCK_BYTES + size + padding(size);
  *found = true;
  return NULL;
}
