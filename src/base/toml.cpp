// Reading TOML through toml++: the only C++ of this layer, and no exception leaves it.
//
// The tree of toml++ is kept beside the JSON values made from it, because it knows where everything stands.
#include "base/toml.h"

#include <cstring>
#include <new>
#include <sstream>
#include <string>
#include <string_view>

namespace toml_check {

/// What is thrown when one of toml++'s assertions does not hold: text from outside can break some of them, and may not end the process.
struct broken {};

/// One assertion of toml++ 3.3 is broken by `[[[`, and the code behind it then makes the right error itself.
constexpr const char *tolerated = "is_bare_key_character(*cp) || is_string_delimiter(*cp)";

inline void check(bool holds, const char *what) {
  if (!holds && std::strcmp(what, tolerated) != 0) throw broken();
}

} // namespace toml_check

#define TOML_ASSERT(condition) ::toml_check::check(static_cast<bool>(condition), #condition)
#define TOML_MAX_NESTED_VALUES 64
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace {

/// Keys with more dots than this are refused before toml++ sees them: it nests a table for each, and ends them recursively.
constexpr unsigned kDotsMax = 32;

/// What goes wrong while the values are made.
struct too_deep {};

} // namespace

struct toml_document {
  toml::table table;
  std::string name;
  yyjson_doc *values = nullptr;
  json_source source = {};

  ~toml_document() {
    yyjson_doc_free(values);
  }
};

namespace {

/// Skips a string that begins at `at`; toml++ will say what is wrong with one that does not end.
size_t skip_string(std::string_view text, size_t at) {
  char quote = text[at];
  std::string_view three = text.substr(at, 3);
  bool multiline = three.size() == 3 && three[1] == quote && three[2] == quote;
  for (at += multiline ? 3 : 1; at < text.size(); at++) {
    if (text[at] == '\\' && quote == '"') {
      at++;
    } else if (multiline && text[at] == quote && text.substr(at, 3) == three) {
      return at + 3;
    } else if (!multiline && (text[at] == quote || text[at] == '\n')) {
      return at + 1;
    }
  }
  return text.size();
}

/// Whether a dotted key is longer than any sensible one. Dots of numbers count too, but never many between two separators.
bool has_endless_key(std::string_view text) {
  unsigned dots = 0;
  size_t at = 0;
  while (at < text.size()) {
    char c = text[at];
    if (c == '"' || c == '\'') {
      at = skip_string(text, at);
      continue;
    }
    if (c == '#') {
      at = text.find('\n', at);
      if (at == std::string_view::npos) return false;
      continue;
    }
    if (c == '.') {
      if (++dots > kDotsMax) return true;
    } else if (std::string_view("=,[]{}\n").find(c) != std::string_view::npos) {
      dots = 0;
    }
    at++;
  }
  return false;
}

yyjson_mut_val *checked(yyjson_mut_val *value) {
  if (value == nullptr) throw std::bad_alloc();
  return value;
}

yyjson_mut_val *make_string(yyjson_mut_doc *values, const std::string &text) {
  return checked(yyjson_mut_strncpy(values, text.data(), text.size()));
}

template <typename Moment> yyjson_mut_val *make_moment(yyjson_mut_doc *values, const Moment &moment) {
  std::ostringstream text;
  text << moment;
  return make_string(values, text.str());
}

yyjson_mut_val *make_value(yyjson_mut_doc *values, const toml::node &node, unsigned depth);

yyjson_mut_val *make_object(yyjson_mut_doc *values, const toml::table &table, unsigned depth) {
  yyjson_mut_val *object = checked(yyjson_mut_obj(values));
  for (auto &&[key, node] : table) {
    std::string name(key.str());
    if (!yyjson_mut_obj_add(object, make_string(values, name), make_value(values, node, depth))) throw std::bad_alloc();
  }
  return object;
}

yyjson_mut_val *make_array(yyjson_mut_doc *values, const toml::array &array, unsigned depth) {
  yyjson_mut_val *result = checked(yyjson_mut_arr(values));
  for (auto &&node : array) {
    if (!yyjson_mut_arr_append(result, make_value(values, node, depth))) throw std::bad_alloc();
  }
  return result;
}

yyjson_mut_val *make_value(yyjson_mut_doc *values, const toml::node &node, unsigned depth) {
  if (depth == JSON_DEPTH_MAX && (node.is_table() || node.is_array())) throw too_deep();
  switch (node.type()) {
  case toml::node_type::table: return make_object(values, *node.as_table(), depth + 1);
  case toml::node_type::array: return make_array(values, *node.as_array(), depth + 1);
  case toml::node_type::string: return make_string(values, node.as_string()->get());
  case toml::node_type::integer: return checked(yyjson_mut_sint(values, node.as_integer()->get()));
  case toml::node_type::floating_point: return checked(yyjson_mut_real(values, node.as_floating_point()->get()));
  case toml::node_type::boolean: return checked(yyjson_mut_bool(values, node.as_boolean()->get()));
  case toml::node_type::date: return make_moment(values, node.as_date()->get());
  case toml::node_type::time: return make_moment(values, node.as_time()->get());
  case toml::node_type::date_time: return make_moment(values, node.as_date_time()->get());
  default: return checked(yyjson_mut_null(values));
  }
}

/// Ends a yyjson document when its scope does.
struct mutable_document {
  yyjson_mut_doc *doc = yyjson_mut_doc_new(nullptr);
  ~mutable_document() {
    yyjson_mut_doc_free(doc);
  }
};

void make_values(toml_document *document) {
  mutable_document values;
  if (values.doc == nullptr) throw std::bad_alloc();
  yyjson_mut_doc_set_root(values.doc, make_value(values.doc, document->table, 0));
  document->values = yyjson_mut_doc_imut_copy(values.doc, nullptr);
  if (document->values == nullptr) throw std::bad_alloc();
}

bool locate(const void *user, const char *path, unsigned *line, unsigned *column) {
  return toml_position(static_cast<const toml_document *>(user), path, line, column);
}

/// One step of a way: a key, or an item's number.
struct step {
  bool is_item = false;
  size_t index = 0;
  std::string key;
};

/// Takes a quoted key off the front, as `json_path` writes it. False when it does not end.
bool take_quoted(std::string_view &path, std::string &key) {
  size_t end = path.find('"', 1);
  if (end == std::string_view::npos) return false;
  key = std::string(path.substr(1, end - 1));
  path.remove_prefix(end + 1);
  return true;
}

bool take_item(std::string_view &path, step &out) {
  size_t end = path.find(']');
  uint64_t index = 0;
  if (end == std::string_view::npos || !text_to_u64(text{path.data() + 1, end - 1}, &index)) return false;
  out.is_item = true;
  out.index = index;
  path.remove_prefix(end + 1);
  return true;
}

bool take_step(std::string_view &path, step &out) {
  if (path.front() == '[') return take_item(path, out);
  if (path.front() == '.') path.remove_prefix(1);
  if (path.empty()) return false;
  if (path.front() == '"') return take_quoted(path, out.key);
  size_t end = path.find_first_of(".[");
  out.key = std::string(path.substr(0, end));
  path.remove_prefix(end == std::string_view::npos ? path.size() : end);
  return true;
}

/// Finds a value's place: a key's own where it has one, else the value's.
bool find_position(const toml::node *node, std::string_view path, toml::source_position &position) {
  position = node->source().begin;
  while (!path.empty()) {
    step next;
    if (!take_step(path, next)) return false;
    if (next.is_item) {
      const toml::array *array = node->as_array();
      node = array == nullptr ? nullptr : array->get(next.index);
      if (node == nullptr) return false;
      position = node->source().begin;
    } else {
      const toml::table *table = node->as_table();
      if (table == nullptr) return false;
      auto found = table->find(next.key);
      if (found == table->end()) return false;
      position = found->first.source().begin;
      node = &found->second;
    }
  }
  return static_cast<bool>(position);
}

ubiq_error *place_error(const char *name, const toml::parse_error &problem) {
  const toml::source_position &at = problem.source().begin;
  std::string_view text = problem.description();
  constexpr std::string_view prefix = "Error ";
  if (text.substr(0, prefix.size()) == prefix) text.remove_prefix(prefix.size());
  buffer message = {};
  bool ok = text_escape(&message, ::text{text.data(), text.size()}) && buffer_append_byte(&message, 0);
  ubiq_error *error = ok ? ubiq_error_new(UBIQ_INVALID_INPUT, "%s:%u:%u: %s", name, at.line, at.column,
                                          reinterpret_cast<const char *>(message.data))
                         : ubiq_error_no_memory();
  buffer_free(&message);
  return error;
}

ubiq_error *depth_error(const char *name) {
  return ubiq_error_new(UBIQ_INVALID_INPUT, "%s: tables and arrays are nested more than %d deep", name, JSON_DEPTH_MAX);
}

} // namespace

ubiq_error *toml_parse(const char *name, const void *data, size_t size, toml_document **out) {
  toml_document *document = nullptr;
  ubiq_error *error = nullptr;
  try {
    std::string_view text(size == 0 ? "" : static_cast<const char *>(data), size);
    if (has_endless_key(text)) throw too_deep();
    document = new toml_document;
    document->name = name;
    document->table = toml::parse(text);
    document->source = json_source{document->name.c_str(), locate, document};
    make_values(document);
  } catch (const toml::parse_error &problem) {
    error = place_error(name, problem);
  } catch (const too_deep &) {
    error = depth_error(name);
  } catch (const toml_check::broken &) {
    error = ubiq_error_new(UBIQ_INVALID_INPUT, "%s: it is malformed; expected TOML", name);
  } catch (...) {
    error = ubiq_error_no_memory();
  }
  if (error != nullptr) {
    delete document;
    return error;
  }
  *out = document;
  return nullptr;
}

json_value toml_root(const toml_document *document) {
  return json_root(&document->source, yyjson_doc_get_root(document->values));
}

bool toml_position(const toml_document *document, const char *path, unsigned *line, unsigned *column) {
  try {
    toml::source_position position;
    if (!find_position(&document->table, path, position)) return false;
    *line = position.line;
    *column = position.column;
    return true;
  } catch (...) {
    return false; // no memory for a key: the place is not told
  }
}

void toml_delete(toml_document *document) {
  delete document;
}
