package io.gatun.server.rpc;

import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.SimpleFormatter;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Passes on to the log what grpc-java says through {@code java.util.logging}, which otherwise
 * prints a stack trace for every client that does not speak HTTP/2.
 *
 * <p>Its warnings stay warnings, on one line; the rest is for who debugs it, and so is all that its
 * transport says, which is about clients that break off.
 */
public final class GrpcLog extends Handler {

  private static final String TRANSPORT = "io.grpc.netty.";

  private final SimpleFormatter formatter = new SimpleFormatter();

  private GrpcLog() {}

  /** Takes the place of whatever the JDK would do with it. */
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
