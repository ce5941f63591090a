package io.gatun.snapshot.fault;

import io.gatun.linux.Errno;

/** What happens in place of an effect. */
public sealed interface Fault {

  /** The call fails, and has no effect. */
  record Failure(Errno errno) implements Fault {}

  /**
   * A write writes a part of what it was to, and the attempt to write the rest fails; anything else
   * just fails.
   */
  record PartialWrite(Errno errno) implements Fault {}

  /** The machine stops before the effect. */
  record Stop() implements Fault {}

  /** The machine stops when a part of a write has been done; with anything else, before it. */
  record TornStop() implements Fault {}
}
