
/*
 * Copyright (C) ngx_http_webhook_module authors
 *
 * What is to happen, in the order of time: a heap.
 */


#include "world.h"


static int event_before(const event_t *one, const event_t *two);


static event_t   events[EVENTS];
static uint32_t  nevents;


void
events_init(void)
{
    nevents = 0;
}


static int
event_before(const event_t *one, const event_t *two)
{
    return one->time < two->time
           || (one->time == two->time && one->number < two->number);
}


/* at the same time in the order they were made, or in any other one */

void
push(event_e type, uint64_t delay, int a, unsigned b, unsigned life)
{
    uint32_t          i, parent;
    event_t           event;
    static uint64_t   number;

    check(nevents < EVENTS, "too many events");

    event.time = run.now + delay;
    event.number = ((uint64_t) pick(4) << 60) | ++number;
    event.type = type;
    event.a = a;
    event.b = b;
    event.life = life;

    for (i = nevents++; i; i = parent) {
        parent = (i - 1) / 2;

        if (!event_before(&event, &events[parent])) {
            break;
        }

        events[i] = events[parent];
    }

    events[i] = event;
}


int
pop(event_t *event)
{
    uint32_t  i, child;
    event_t   last;

    if (nevents == 0) {
        return 0;
    }

    *event = events[0];
    last = events[--nevents];

    for (i = 0; ; i = child) {
        child = 2 * i + 1;

        if (child >= nevents) {
            break;
        }

        if (child + 1 < nevents
            && event_before(&events[child + 1], &events[child]))
        {
            child++;
        }

        if (!event_before(&events[child], &last)) {
            break;
        }

        events[i] = events[child];
    }

    events[i] = last;

    return 1;
}
