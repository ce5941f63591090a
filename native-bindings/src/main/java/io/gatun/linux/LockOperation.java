package io.gatun.linux;

/** Lock operations of flock(2). */
public enum LockOperation {
  SHARED(Abi.LOCK_SH),
  EXCLUSIVE(Abi.LOCK_EX),
  /** Fails with {@code EAGAIN} instead of waiting. */
  TRY_SHARED(Abi.LOCK_SH | Abi.LOCK_NB),
  /** Fails with {@code EAGAIN} instead of waiting. */
  TRY_EXCLUSIVE(Abi.LOCK_EX | Abi.LOCK_NB),
  UNLOCK(Abi.LOCK_UN);

  final int bits;

  LockOperation(int bits) {
    this.bits = bits;
  }
}
