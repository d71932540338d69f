package replay

import "testing"

func TestPeekLeavesTheEventsVisible(t *testing.T) {
	w := newFixture(t)
	w.q.bodies["1"] = failed("orders-load", `{"feed":"orders","upload":"u","part":"0000000-000000"}`)
	events, err := w.r.Peek(t.Context())
	if err != nil || len(events) != 1 || events[0].Upload != "u" || events[0].Error != "boom" || events[0].Time.IsZero() {
		t.Errorf("%+v, %v", events, err)
	}
	if len(w.q.hidden) != 0 || len(w.q.log) != 0 || len(w.dispatched) != 0 {
		t.Errorf("the queue was changed: %v %v %v", w.q.hidden, w.q.log, w.dispatched)
	}
}

func TestFailedEventsStopsAtTheLimit(t *testing.T) {
	w := newFixture(t)
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		w.q.bodies[id] = failed("orders-load", `{"feed":"orders","upload":"u`+id+`","part":"0000000-000000"}`)
	}
	for limit, want := range map[int]int{0: 5, 1: 2, 3: 4} { // the fake returns two messages at once
		events, err := w.r.FailedEvents(t.Context(), limit)
		if err != nil || len(events) != want || len(w.q.hidden) != 0 || len(w.q.bodies) != 5 {
			t.Errorf("limit %d: %d events, %v, hidden %v", limit, len(events), err, w.q.hidden)
		}
	}
}
