package io.gatun.linux;

/** How a thread competes with others, {@code sched(7)}. */
public enum SchedulingPolicy {
  NORMAL(Abi.SCHED_OTHER),
  /** As fast in the end, but when it is woken it lets others go on with what they are at. */
  BATCH(Abi.SCHED_BATCH);

  final int number;

  SchedulingPolicy(int number) {
    this.number = number;
  }
}
