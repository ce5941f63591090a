package io.gatun.training;

/**
 * The size of a training run.
 *
 * @param clients the number of concurrent clients
 * @param livesPerClient the number of snapshots that each client prepares, commits and removes
 * @param layers the number of layers that are unpacked on one another, in each form; indexed layers
 *     are also unpacked on two other bases
 * @param filesPerLayer the number of files in each layer
 */
public record TrainingAmount(int clients, int livesPerClient, int layers, int filesPerLayer) {

  /**
   * Enough for the optimising compiler to compile the important methods, after some 10,000 calls;
   * takes some fifteen seconds.
   */
  public static final TrainingAmount ENOUGH = new TrainingAmount(8, 500, 12, 2_000);
}
