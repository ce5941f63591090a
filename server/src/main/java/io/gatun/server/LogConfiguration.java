package io.gatun.server;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;
import io.gatun.server.config.LogLevel;
import io.gatun.server.rpc.GrpcLog;
import org.slf4j.LoggerFactory;

/**
 * Sends log events to stderr, one line each, for systemd or a container runtime to collect.
 *
 * <p>Logback finds this class through {@code META-INF/services}. It is code rather than XML, since
 * parsing XML would take a good part of the daemon's start time. Keys come from clients, so a line
 * break in a message is logged as {@code \n}; only the stack trace of a bug takes several lines.
 */
public final class LogConfiguration extends ContextAwareBase implements Configurator {

  private static final String PATTERN =
      "%d{\"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\",UTC} %-5level [%thread] %logger{0}"
          + " %replace(%replace(%msg){'\\n','\\\\n'}){'\\r','\\\\r'}%n%ex";

  private static final String OURS = "io.gatun";

  /**
   * On each accept netty warns that unix sockets lack SO_KEEPALIVE, which grpc always sets; it logs
   * nothing else of interest.
   */
  private static final String NETTY_BOOTSTRAP = "io.netty.bootstrap";

  /**
   * Warns about missing libraries for binding threads to processors, a feature that Gatun does not
   * use.
   */
  private static final String AFFINITY = "net.openhft.affinity";

  @Override
  public ExecutionStatus configure(LoggerContext context) {
    PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern(PATTERN);
    encoder.start();
    ConsoleAppender<ILoggingEvent> stderr = new ConsoleAppender<>();
    stderr.setContext(context);
    stderr.setTarget("System.err");
    stderr.setEncoder(encoder);
    stderr.start();
    Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.setLevel(Level.WARN);
    root.addAppender(stderr);
    context.getLogger(OURS).setLevel(Level.INFO);
    context.getLogger(NETTY_BOOTSTRAP).setLevel(Level.OFF);
    context.getLogger(AFFINITY).setLevel(Level.OFF);
    GrpcLog.install();
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  /** Sets the level of Gatun's own events; other libraries only log warnings. */
  static void setLevel(LogLevel level) {
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context
        .getLogger(OURS)
        .setLevel(
            switch (level) {
              case ERROR -> Level.ERROR;
              case WARN -> Level.WARN;
              case INFO -> Level.INFO;
              case DEBUG -> Level.DEBUG;
              case TRACE -> Level.TRACE;
            });
  }
}
