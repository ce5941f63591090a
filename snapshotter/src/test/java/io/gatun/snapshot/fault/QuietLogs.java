package io.gatun.snapshot.fault;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.turbo.TurboFilter;
import ch.qos.logback.core.spi.FilterReply;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.slf4j.ILoggerFactory;
import org.slf4j.LoggerFactory;
import org.slf4j.Marker;
import org.slf4j.helpers.SubstituteLoggerFactory;

/** Keeps thousands of failures on purpose from being logged, for a test class or for a while. */
public final class QuietLogs extends TurboFilter
    implements BeforeAllCallback, AfterAllCallback, AutoCloseable {

  private static final String PRODUCT = "io.gatun.";

  private final Thread.@Nullable UncaughtExceptionHandler handler =
      Thread.getDefaultUncaughtExceptionHandler();
  private final LoggerContext loggers = loggers();

  private static LoggerContext loggers() {
    ILoggerFactory factory = LoggerFactory.getILoggerFactory();
    // It is a substitute as long as another thread sets up logging.
    while (factory instanceof SubstituteLoggerFactory) {
      Thread.onSpinWait();
      factory = LoggerFactory.getILoggerFactory();
    }
    return (LoggerContext) factory;
  }

  /** {@return what lets the logs be heard again when it is closed} */
  public static QuietLogs silence() {
    QuietLogs quiet = new QuietLogs();
    quiet.install();
    return quiet;
  }

  @Override
  public FilterReply decide(
      @Nullable Marker marker,
      Logger logger,
      Level level,
      @Nullable String format,
      Object @Nullable [] arguments,
      @Nullable Throwable failure) {
    return logger.getName().startsWith(PRODUCT) ? FilterReply.DENY : FilterReply.NEUTRAL;
  }

  private void install() {
    loggers.addTurboFilter(this);
    // What works in the background dies with the machine.
    Thread.setDefaultUncaughtExceptionHandler(
        (thread, failure) -> {
          if (!(failure instanceof MachineStoppedException)) {
            System.err.println("in thread " + thread.getName());
            failure.printStackTrace();
          }
        });
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    install();
  }

  @Override
  public void afterAll(ExtensionContext context) {
    close();
  }

  @Override
  public void close() {
    loggers.getTurboFilterList().remove(this);
    Thread.setDefaultUncaughtExceptionHandler(handler);
  }
}
