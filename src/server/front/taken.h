// How much of what a socket was given its other side has taken.
#ifndef SERVER_FRONT_TAKEN_H
#define SERVER_FRONT_TAKEN_H

#include "ubiq/base.h"

/// The bytes that a TCP socket's peer has acknowledged since it was connected (RFC 4898, tcpEStatsAppHCThruOctetsAcked); 0 where
/// the system does not tell.
uint64_t taken_bytes(int socket);

#endif
