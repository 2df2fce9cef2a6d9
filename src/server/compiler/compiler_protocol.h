// What a server and the process that compiles for it say to each other: one message each way for a module, over a
// socket that keeps messages whole. A request brings two files in memory: what is to be compiled, and an empty one for
// what comes of it. And what a server and the process that starts those say.
#ifndef SERVER_COMPILER_COMPILER_PROTOCOL_H
#define SERVER_COMPILER_COMPILER_PROTOCOL_H

#include "engine/engine.h"

enum {
  COMPILER_NAME_BYTES = 32,
  COMPILER_WORDS_BYTES = 512,
  COMPILER_RESULT_BYTES_MAX = 1 << 30, ///< of what comes of a module
  COMPILER_FILES = 2,
};

/// How Rust's library begins to say that memory is out, on standard error, before it ends the process; and so do we.
#define COMPILER_NO_MEMORY "memory allocation of"

/// What is answered to one byte, which asks for processes that compile. Their channel comes with it when they were started.
typedef struct compiler_started {
  uint32_t wait_ms; ///< not before: they were started too often of late; 0: now
  int32_t number;   ///< an errno: why they cannot be; 0: they were
} compiler_started;

typedef enum compiler_kind { COMPILER_COMPILE, COMPILER_ASSEMBLE } compiler_kind;

typedef struct compiler_request {
  uint64_t number; ///< from 1, each of a server's its own
  compiler_kind kind;
  char engine[COMPILER_NAME_BYTES]; ///< ended by NUL
  engine_options options;           ///< of the engine that it is for
  uint64_t time_ms;                 ///< when it is killed
  uint64_t memory_bytes;
} compiler_request;

/// How a job ended.
typedef enum compiler_ending {
  COMPILER_DONE,      ///< the file has what was made
  COMPILER_REFUSED,   ///< by the engine: the file has the message
  COMPILER_OVERDUE,   ///< it was killed
  COMPILER_EXHAUSTED, ///< it had no memory left
  COMPILER_BROKEN,    ///< anything else
  COMPILER_LOST,      ///< its helper was killed
} compiler_ending;

typedef struct compiler_reply {
  uint64_t request; ///< its number
  compiler_ending ending;
  uint32_t code;                    ///< a ubiq_code, of what was refused
  uint64_t peak_bytes;              ///< of memory
  char words[COMPILER_WORDS_BYTES]; ///< what was said of a broken one; ended by NUL
} compiler_reply;

#endif
