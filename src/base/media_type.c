#include "base/media_type.h"

#include <string.h>

text media_type_name(text media_type) {
  const char *end = media_type.size == 0 ? NULL : memchr(media_type.data, ';', media_type.size);
  if (end != NULL) media_type.size = (size_t)(end - media_type.data);
  return text_trim(media_type);
}

bool media_type_is_json(text media_type) {
  static const char suffix[] = "+json";
  const text name = media_type_name(media_type);
  const size_t size = sizeof suffix - 1;
  return text_equal_ignoring_case(name, TEXT("application/json")) ||
         (name.size > size &&
          text_equal_ignoring_case((text){name.data + name.size - size, size}, (text){suffix, size}));
}
