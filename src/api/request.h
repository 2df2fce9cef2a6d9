// A request to the API as a value, whatever brought it: InvokeHost or HTTP. All of it is borrowed.
#ifndef API_REQUEST_H
#define API_REQUEST_H

#include "services/service.h"

enum {
  API_FIELDS_MAX = 64,               ///< of the query, or headers, of one request
  API_REQUEST_BYTES_MAX = 16 << 20,  ///< of a request with all that is around it
  API_REQUEST_VALUES_MAX = 1 << 20,  ///< in it, keys among them; more than a value of kv can have
  API_REQUEST_MEMBERS_MAX = 1 << 16, ///< of one object in it
  API_HEADER_BYTES_MAX = 8 << 10,    ///< of one header's value, which may be kept: a media type
  API_PATH_BYTES_MAX = 16 << 10,     ///< an object's path or a key, each byte escaped, fits
};

typedef service_field api_field;

typedef struct api_request {
  text method;
  text path;              ///< without the query; percent escapes as they were sent
  const api_field *query; ///< unescaped; a name that comes twice is there twice
  size_t query_count;
  const api_field *headers; ///< names in lower case
  size_t headers_count;
  service_body body;
} api_request;

#endif
