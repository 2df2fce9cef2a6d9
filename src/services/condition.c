#include "services/condition.h"

static bool is_any(text list) {
  return text_equal(text_trim(list), TEXT("*"));
}

/// Takes a tag's quotes off; false for what is none.
static bool unquote(text *tag) {
  if (tag->size < 2 || tag->data[0] != '"' || tag->data[tag->size - 1] != '"') return false;
  *tag = (text){tag->data + 1, tag->size - 2};
  return true;
}

/// Tags of ours have no commas, so that a list may be cut at each.
bool condition_names(text list, text tag, bool is_weak) {
  text part;
  if (is_any(list)) return tag.size > 0;
  while (text_split(&list, ',', &part)) {
    part = text_trim(part);
    if (is_weak && text_starts_with(part, TEXT("W/"))) part = (text){part.data + 2, part.size - 2};
    if (unquote(&part) && part.size > 0 && text_equal(part, tag)) return true;
  }
  return false;
}

ubiq_error *condition_check(const condition *self, text tag, const char *what) {
  if (self->match.size > 0 && !condition_names(self->match, tag, false))
    return ubiq_error_new(UBIQ_CONFLICT, tag.size == 0 ? "%s is not there" : "%s has another etag than if-match says",
                          what);
  if ((self->if_absent && tag.size > 0) || (self->none_match.size > 0 && condition_names(self->none_match, tag, true)))
    return ubiq_error_new(UBIQ_CONFLICT, "%s is there", what);
  return NULL;
}

bool condition_is_unchanged(const condition *self, text tag) {
  return self->none_match.size > 0 && condition_names(self->none_match, tag, true);
}

ubiq_error *condition_read_version(const condition *self, bool *if_absent, uint64_t *version) {
  text tag = text_trim(self->match);
  *if_absent = self->if_absent;
  *version = 0;
  if (self->none_match.size > 0) {
    if (!is_any(self->none_match))
      return service_wrong_value(TEXT("if-none-match"), self->none_match, "*, so that only what is missing is put");
    *if_absent = true;
  }
  if (self->match.size == 0) return NULL;
  if (unquote(&tag) && text_to_u64(tag, version) && *version > 0) return NULL;
  return service_wrong_value(TEXT("if-match"), self->match, "the etag that a get answered, such as \"7\"");
}
