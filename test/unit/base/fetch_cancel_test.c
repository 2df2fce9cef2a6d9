// Requests that are cancelled on their way.
#include "unit/base/fetch_alone_testing.h"

#include <dlfcn.h>
#include <netdb.h>
#include <semaphore.h>
#include <sys/eventfd.h>

static void wake_fd_that_becomes_readable_cancels(void **state) {
  fetch_server *server = *state;
  fetch_interrupt interrupt = {.wake_fd = server->received_fd};
  fetch_request request = request_of(server, "/hang");
  fetch_response response;
  ubiq_error *error = fetch_perform(&request, &interrupt, &response);
  assert_int_equal(ubiq_error_code(error), UBIQ_CANCELLED);
  ubiq_error_delete(error);
  eventfd_t count;
  assert_int_equal(eventfd_read(server->received_fd, &count), 0); // the server's thread is done with it
}

static bool has_received(void *user) {
  return atomic_load(&((fetch_server *)user)->requests) > 0;
}

static void callback_that_says_so_cancels(void **state) {
  fetch_interrupt interrupt = {.cancelled = has_received, .user = *state, .wake_fd = -1};
  fetch_request request = request_of(*state, "/half");
  fetch_response response;
  ubiq_error *error = fetch_perform(&request, &interrupt, &response);
  assert_int_equal(ubiq_error_code(error), UBIQ_CANCELLED);
  ubiq_error_delete(error);
}

static bool always(void *user) {
  (void)user;
  return true;
}

static bool never(void *user) {
  (void)user;
  return false;
}

static void request_that_is_cancelled_already_connects_nowhere(void **state) {
  fetch_interrupt interrupt = {.cancelled = always, .wake_fd = -1};
  fetch_request request = request_of(*state, "/echo");
  fetch_response response;
  ubiq_error *error = fetch_perform(&request, &interrupt, &response);
  assert_int_equal(ubiq_error_code(error), UBIQ_CANCELLED);
  ubiq_error_delete(error);
  assert_int_equal(atomic_load(&((fetch_server *)*state)->connections), 0);
}

static void wake_up_for_nothing_lets_the_request_go_on(void **state) {
  int fd = eventfd(1, EFD_CLOEXEC);
  fetch_interrupt interrupt = {.cancelled = never, .wake_fd = fd};
  fetch_request request = request_of(*state, "/bytes/9");
  fetch_response response;
  assert_null(fetch_perform(&request, &interrupt, &response));
  assert_int_equal(response.body.size, 9);
  fetch_response_free(&response);
  close(fd);
}

static sem_t lookup_began;
static sem_t lookup_may_end;

/// Stands before libc's for libcurl's threads too: `slow.test` is looked up until a test lets it end.
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints, struct addrinfo **result) {
  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
  if (strcmp(name, "slow.test") == 0) {
    sem_post(&lookup_began);
    sem_wait(&lookup_may_end);
    return EAI_NONAME;
  }
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  return real(name, service, hints, result);
}

static bool lookup_has_begun(void *user) {
  (void)user;
  return sem_trywait(&lookup_began) == 0;
}

static void lookup_that_never_ends_does_not_hold_up_a_cancellation(void **state) {
  sem_init(&lookup_began, 0, 0);
  sem_init(&lookup_may_end, 0, 0);
  fetch_interrupt interrupt = {.cancelled = lookup_has_begun, .wake_fd = -1};
  fetch_request request = request_of(*state, "");
  request.url = "http://slow.test/";
  fetch_response response;
  ubiq_error *error = fetch_perform(&request, &interrupt, &response);
  assert_int_equal(ubiq_error_code(error), UBIQ_CANCELLED);
  ubiq_error_delete(error);
  request.timeout_ms = 20;
  assert_fails(&request, UBIQ_TIMEOUT, "http://slow.test/");
  sem_post(&lookup_may_end);
  sem_post(&lookup_may_end);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      FETCH_TEST(wake_fd_that_becomes_readable_cancels),
      FETCH_TEST(callback_that_says_so_cancels),
      FETCH_TEST(request_that_is_cancelled_already_connects_nowhere),
      FETCH_TEST(wake_up_for_nothing_lets_the_request_go_on),
      FETCH_TEST(lookup_that_never_ends_does_not_hold_up_a_cancellation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
