#include "services/work/agenda_lanes.h"

#include <stdlib.h>
#include <string.h>

static size_t hash_of(text project, text queue) {
  size_t hash = 5381;
  for (size_t i = 0; i < project.size; i++) hash = hash * 33 + (unsigned char)project.data[i];
  for (size_t i = 0; i < queue.size; i++) hash = hash * 33 + (unsigned char)queue.data[i];
  return hash % AGENDA_LANE_BUCKETS;
}

agenda_lane *agenda_lanes_find(const agenda_lanes *self, text project, text queue) {
  agenda_lane *lane = self->buckets[hash_of(project, queue)];
  while (lane != NULL && !(text_equal(lane->queue, queue) && text_equal(lane->project, project))) lane = lane->next;
  return lane;
}

static agenda_lane *make(agenda_lanes *self, text project, text queue) {
  agenda_lane *lane = malloc(sizeof *lane + project.size + queue.size);
  if (lane == NULL) return NULL;
  agenda_lane **bucket = &self->buckets[hash_of(project, queue)];
  *lane = (agenda_lane){.project = {lane->names, project.size},
                        .queue = {lane->names + project.size, queue.size},
                        .look_ms = UINT64_MAX,
                        .next = *bucket};
  if (project.size > 0) memcpy(lane->names, project.data, project.size);
  if (queue.size > 0) memcpy(lane->names + project.size, queue.data, queue.size);
  *bucket = lane;
  return lane;
}

agenda_lane *agenda_lanes_enter(agenda_lanes *self, text project, text queue) {
  agenda_lane *lane = agenda_lanes_find(self, project, queue);
  if (lane == NULL) lane = make(self, project, queue);
  if (lane != NULL) lane->count++;
  return lane;
}

static void remove_lane(agenda_lanes *self, agenda_lane *lane) {
  agenda_lane **at = &self->buckets[hash_of(lane->project, lane->queue)];
  while (*at != lane) at = &(*at)->next;
  *at = lane->next;
  free(lane);
}

uint64_t agenda_lanes_leave(agenda_lanes *self, agenda_lane *lane, uint64_t again_ms) {
  if (lane == NULL) return UINT64_MAX;
  lane->count--;
  if (again_ms != UINT64_MAX) lane->look_ms = lane->rest_ms = again_ms;
  if (lane->has_more && lane->count <= self->places / 2) lane->look_ms = lane->rest_ms;
  uint64_t look_ms = lane->look_ms;
  if (lane->count == 0 && !lane->has_more && look_ms == UINT64_MAX) remove_lane(self, lane);
  return look_ms;
}

agenda_lane *agenda_lanes_first(const agenda_lanes *self, uint64_t *look_ms) {
  agenda_lane *first = NULL;
  *look_ms = UINT64_MAX;
  for (size_t i = 0; i < AGENDA_LANE_BUCKETS; i++)
    for (agenda_lane *lane = self->buckets[i]; lane != NULL; lane = lane->next) {
      if (lane->look_ms >= *look_ms) continue;
      *look_ms = lane->look_ms;
      first = lane;
    }
  return first;
}

void agenda_lanes_hurry(agenda_lanes *self) {
  for (size_t i = 0; i < AGENDA_LANE_BUCKETS; i++)
    for (agenda_lane *lane = self->buckets[i]; lane != NULL; lane = lane->next) {
      lane->rest_ms = 0;
      if (lane->look_ms != UINT64_MAX) lane->look_ms = 0;
    }
}

void agenda_lanes_end(agenda_lanes *self) {
  for (size_t i = 0; i < AGENDA_LANE_BUCKETS; i++)
    for (agenda_lane *lane = self->buckets[i], *next; lane != NULL; lane = next) {
      next = lane->next;
      free(lane);
    }
}
