// Answers on standard output, a line for a line, when expressions are due: for compare.py, which asks another implementation too.
//
//     in:   POLICY ZONE AFTER COUNT EXPRESSION      follow Europe/Berlin 1774746000 3 30 2 * * *
//     out:  the times in seconds since 1970, or `refused`
#include "services/schedules/cron.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct question {
  char policy[16], zone[64];
  int64_t after_s;
  int count;
  const char *expression;
} question;

static bool read_question(char *line, question *out) {
  int used = 0;
  line[strcspn(line, "\n")] = '\0';
  if (sscanf(line, "%15s %63s %" SCNd64 " %d %n", out->policy, out->zone, &out->after_s, &out->count, &used) != 4)
    return false;
  out->expression = line + used;
  return true;
}

static void answer(const question *question) {
  const cron_policy policies[] = {{CRON_GAP_SKIP, CRON_REPEAT_TWICE}, {CRON_GAP_RUN_AFTER, CRON_REPEAT_ONCE}};
  const cron_policy policy = policies[strcmp(question->policy, "follow") != 0];
  const zone *zone;
  cron cron;
  ubiq_error *error = zone_find(text_of(question->zone), &zone);
  if (error == NULL) error = cron_parse(text_of(question->expression), &cron);
  int64_t at_s = question->after_s;
  if (error != NULL) printf("refused");
  for (int i = 0; error == NULL && i < question->count && cron_next(&cron, zone, policy, at_s, &at_s); i++)
    printf("%s%" PRId64, i == 0 ? "" : " ", at_s);
  putchar('\n');
  ubiq_error_delete(error);
}

int main(void) {
  char line[1024];
  while (fgets(line, sizeof line, stdin) != NULL) {
    question question;
    if (!read_question(line, &question)) return 2;
    answer(&question);
  }
  return 0;
}
