package io.gatun.training;

/**
 * How much is done in a training run.
 *
 * @param clients how many clients there are at a time
 * @param livesPerClient how many snapshots each of them prepares, commits and removes
 * @param layers how many layers are unpacked, on one another, in either form; those that are kept
 *     as tars on two other bases as well
 * @param filesPerLayer how many files each of them has
 */
public record TrainingAmount(int clients, int livesPerClient, int layers, int filesPerLayer) {

  /**
   * Enough for the methods that matter to be compiled by the optimising compiler, which takes some
   * 10,000 calls; takes some fifteen seconds.
   */
  public static final TrainingAmount ENOUGH = new TrainingAmount(8, 500, 12, 2_000);
}
