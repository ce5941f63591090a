package io.gatun.bench;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.format.OutputFormat;

/** Remembers the benchmarks begun: JMH silently omits failed ones from its results. */
final class Progress {

  private final Set<String> begun = new LinkedHashSet<>();

  /** {@return a display that shows the same and notes the benchmarks begun} */
  OutputFormat watch(OutputFormat display) {
    return (OutputFormat)
        Proxy.newProxyInstance(
            OutputFormat.class.getClassLoader(),
            new Class<?>[] {OutputFormat.class},
            (proxy, method, arguments) -> {
              if (method.getName().equals("startBenchmark")) {
                begun.add(name((BenchmarkParams) arguments[0]));
              }
              try {
                return method.invoke(display, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
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
}
