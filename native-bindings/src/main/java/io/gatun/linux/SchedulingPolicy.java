package io.gatun.linux;

/** Scheduling policies, {@code sched(7)}. */
public enum SchedulingPolicy {
  NORMAL(Abi.SCHED_OTHER),
  /** The same share of the processor, but a wake-up does not preempt other threads. */
  BATCH(Abi.SCHED_BATCH);

  final int number;

  SchedulingPolicy(int number) {
    this.number = number;
  }
}
