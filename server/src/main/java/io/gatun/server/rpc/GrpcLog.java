package io.gatun.server.rpc;

import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.SimpleFormatter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Forwards the logging of grpc-java, which uses {@code java.util.logging}, to slf4j. By default the
 * JDK prints a stack trace for every client that does not speak HTTP/2.
 *
 * <p>Warnings stay warnings, on one line. All else is logged at debug level, and so are the
 * transport's messages, which are about clients that disconnect.
 */
public final class GrpcLog extends Handler {

  private static final String TRANSPORT = "io.grpc.netty.";

  private final SimpleFormatter formatter = new SimpleFormatter();

  private GrpcLog() {}

  /** Replaces the JDK's handlers. */
  public static void install() {
    LogManager.getLogManager().reset();
    java.util.logging.Logger.getLogger("").addHandler(new GrpcLog());
  }

  @Override
  public void publish(LogRecord event) {
    Logger log = LoggerFactory.getLogger(String.valueOf(event.getLoggerName()));
    if (event.getLevel().intValue() >= Level.WARNING.intValue()
        && !log.getName().startsWith(TRANSPORT)) {
      log.warn(
          "{} error=\"{}\"", formatter.formatMessage(event), String.valueOf(event.getThrown()));
    } else {
      log.debug("{}", formatter.formatMessage(event), event.getThrown());
    }
  }

  @Override
  public void flush() {}

  @Override
  public void close() {}
}
