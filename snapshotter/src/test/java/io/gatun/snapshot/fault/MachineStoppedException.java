package io.gatun.snapshot.fault;

/**
 * The machine stands still: nothing reaches the disk any more. No code of the product expects it.
 */
public final class MachineStoppedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public MachineStoppedException(String at) {
    super("the machine stopped at " + at);
  }
}
