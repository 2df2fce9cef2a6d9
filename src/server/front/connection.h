// A client's connection and the one request that it has under way.
//
// Every connection of a front is in exactly one of its lists, by what is being waited for. Within a list all have the
// same time to go, so that the order in which they came is the order in which they are due, and moving one from list to
// list costs a few stores. The worker's thread only.
#ifndef SERVER_FRONT_CONNECTION_H
#define SERVER_FRONT_CONNECTION_H

#include "runtime/run/worker.h"
#include "server/front/response.h"

struct front;

typedef enum connection_list {
  CONNECTION_HEADERS, ///< new: its first request's headers are to come
  CONNECTION_BODY,    ///< a request's body is to come
  CONNECTION_WORKING, ///< a run; its own limits hold
  CONNECTION_ANSWER,  ///< an answer is on its way: some of it is to be taken by the client
  CONNECTION_IDLE,    ///< answered: the next request is to come
  CONNECTION_CLOSING, ///< shut down; libmicrohttpd will notice
  CONNECTION_LISTS,
} connection_list;

/// Where a request is.
typedef enum request_stage {
  REQUEST_NONE,
  REQUEST_BODY,      ///< its body is collected
  REQUEST_REFUSED,   ///< `answer` is its answer; what is left of its body is dropped first
  REQUEST_RUNNING,   ///< suspended: its run is not done
  REQUEST_ANSWERED,  ///< resumed: `answer` is to be sent
  REQUEST_ABANDONED, ///< resumed: nobody is there any more
  REQUEST_SENT,      ///< libmicrohttpd has the answer
} request_stage;

typedef struct connection {
  struct front *front;
  struct MHD_Connection *mhd;
  int socket; ///< libmicrohttpd's
  connection_list list;
  struct connection *previous, *next; ///< in the list
  uint64_t due_ms;                    ///< the loop's clock; UINT64_MAX: never
  bool has_left;                      ///< the client sends nothing any more
  bool is_cut;                        ///< it was answered before it has sent all, and the connection ends
  uint64_t taken_bytes;               ///< of all answers, when it was looked at last

  // The request under way.
  size_t target_bytes;      ///< of its URL with the query (framing.h)
  const char *method, *url; ///< libmicrohttpd's, until the request is over; NULL before its headers have come
  request_stage stage;
  const function *function; ///< NULL in a request that was refused
  lease *lease;             ///< keeps the function's release; NULL when there is none
  buffer body;
  buffer identity; ///< who makes the request, as JSON; empty: it does not say, or nobody asks
  size_t dropped;  ///< bytes of a refused body
  size_t held;     ///< bytes of the body and the answer, as the front counts them
  answer answer;   ///< REFUSED and ANSWERED
  run run;
} connection;

/// The value of a header of the request under way, without blanks around it; empty when it is not there. Borrowed until
/// the request is over. `name` ends with a NUL.
text connection_header(const connection *self, const char *name);

/// libmicrohttpd's notice of a connection's beginning and end (MHD_NotifyConnectionCallback); `front` is its user.
void connection_notice(void *front, struct MHD_Connection *mhd, void **context,
                       enum MHD_ConnectionNotificationCode code);

/// Moves a connection to another list; its time there begins.
void connection_move(connection *self, connection_list list);

/// head_tell.
void connection_tell(const connection *self, const char *message);

/// Some clients have left: cancels the runs that they wait for, and lets libmicrohttpd see the others' end.
void connection_take_hangups(struct front *front);

/// Ends the connections whose time is over.
void connection_pass_deadlines(struct front *front);

/// Lets the connections of a list end once what they have sent already is answered.
void connection_end_list(struct front *front, connection_list list);

#endif
