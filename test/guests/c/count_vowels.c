// The well-known example: counts vowels, keeps the sum in the variable `total`, takes other vowels from the config key
// `vowels`. Answers {"count":3,"total":3,"vowels":"aeiouAEIOU"}.
#include <ubiq/pdk.h>

enum { VOWELS_MAX = 64 };

static uint64_t count(const char *text, size_t size, const char *vowels) {
  uint64_t sum = 0;
  for (size_t i = 0; i < size; i++) {
    for (const char *v = vowels; *v != '\0'; v++) sum += text[i] == *v;
  }
  return sum;
}

// The sum is kept as eight little-endian bytes, as the example in other languages does.
static uint64_t total_after(uint64_t more) {
  uint64_t total = 0;
  if (ubiq_var_get("total", &total, sizeof total) != (ptrdiff_t)sizeof total) total = 0;
  total += more;
  ubiq_var_set("total", &total, sizeof total);
  return total;
}

static int32_t answer(uint64_t found, uint64_t total, const char *vowels) {
  char json[128 + 6 * VOWELS_MAX];
  char *end = ubiq_text_write(json, "{\"count\":");
  end += ubiq_format_u64(end, found);
  end = ubiq_text_write(end, ",\"total\":");
  end += ubiq_format_u64(end, total);
  end = ubiq_text_write(end, ",\"vowels\":\"");
  end = ubiq_json_write(end, vowels);
  end = ubiq_text_write(end, "\"}");
  return ubiq_output(json, (size_t)(end - json));
}

UBIQ_EXPORT(count_vowels) {
  char vowels[VOWELS_MAX] = "aeiouAEIOU";
  char configured[VOWELS_MAX];
  const ptrdiff_t length = ubiq_config("vowels", configured, sizeof configured);
  if (length >= VOWELS_MAX) return ubiq_error_string("config: vowels is too long; expected at most 63 bytes");
  if (length > 0) memcpy(vowels, configured, (size_t)length + 1);
  size_t size;
  char *text = ubiq_input(&size);
  if (text == NULL) return ubiq_error_string("count_vowels: no memory left for the input");
  const uint64_t found = count(text, size, vowels);
  ubiq_free(text);
  return answer(found, total_after(found), vowels);
}
