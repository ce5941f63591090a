package io.gatun.bench;

import java.io.IOException;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.format.OutputFormat;

/**
 * Shows a run like JMH, and remembers the benchmarks begun: JMH silently omits failed ones from its
 * results.
 */
final class Progress implements OutputFormat {

  private final OutputFormat display;
  private final Set<String> begun = new LinkedHashSet<>();

  Progress(OutputFormat display) {
    this.display = display;
  }

  /** {@return the benchmarks begun that have no result} */
  List<String> unmeasured(Collection<RunResult> results) {
    Set<String> unmeasured = new LinkedHashSet<>(begun);
    results.forEach(result -> unmeasured.remove(name(result.getParams())));
    return List.copyOf(unmeasured);
  }

  private static String name(BenchmarkParams params) {
    StringBuilder name = new StringBuilder(params.getBenchmark());
    for (String key : params.getParamsKeys()) {
      name.append(' ').append(key).append('=').append(params.getParam(key));
    }
    return name.toString();
  }

  @Override
  public void startBenchmark(BenchmarkParams params) {
    begun.add(name(params));
    display.startBenchmark(params);
  }

  @Override
  public void iteration(BenchmarkParams benchmark, IterationParams iteration, int number) {
    display.iteration(benchmark, iteration, number);
  }

  @Override
  public void iterationResult(
      BenchmarkParams benchmark, IterationParams iteration, int number, IterationResult result) {
    display.iterationResult(benchmark, iteration, number, result);
  }

  @Override
  public void endBenchmark(BenchmarkResult result) {
    display.endBenchmark(result);
  }

  @Override
  public void startRun() {
    display.startRun();
  }

  @Override
  public void endRun(Collection<RunResult> results) {
    display.endRun(results);
  }

  @Override
  public void print(String text) {
    display.print(text);
  }

  @Override
  public void println(String text) {
    display.println(text);
  }

  @Override
  public void verbosePrintln(String text) {
    display.verbosePrintln(text);
  }

  @Override
  public void write(int character) {
    display.write(character);
  }

  @Override
  public void write(byte[] bytes) throws IOException {
    display.write(bytes);
  }

  @Override
  public void flush() {
    display.flush();
  }

  @Override
  public void close() {
    display.close();
  }
}
