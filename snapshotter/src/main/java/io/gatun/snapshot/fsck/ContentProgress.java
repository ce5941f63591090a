package io.gatun.snapshot.fsck;

/** Receives the progress of reading the content of layers. */
@FunctionalInterface
public interface ContentProgress {

  /**
   * @param bytes read so far
   * @param ofBytes total to read
   */
  void read(long bytes, long ofBytes);
}
