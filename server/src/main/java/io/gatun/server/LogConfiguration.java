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
 * Where log events go: to stderr, one line each, where systemd or a container runtime collects
 * them.
 *
 * <p>Found by logback through {@code META-INF/services}; in code, since reading XML would take a
 * good part of the time that the daemon needs to start. Keys come from clients, so a line break in
 * a message is shown as {@code \n}; only the stack trace of a bug takes more than a line.
 */
public final class LogConfiguration extends ContextAwareBase implements Configurator {

  private static final String PATTERN =
      "%d{\"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\",UTC} %-5level [%thread] %logger{0}"
          + " %replace(%replace(%msg){'\\n','\\\\n'}){'\\r','\\\\r'}%n%ex";

  private static final String OURS = "io.gatun";

  /**
   * On each accept netty warns that unix sockets have no SO_KEEPALIVE, which grpc always sets;
   * nothing else that it says is of interest.
   */
  private static final String NETTY_BOOTSTRAP = "io.netty.bootstrap";

  /** It binds threads to processors, which is not asked of it, and misses libraries for that. */
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

  /** Sets how much of Gatun's own events is logged; other libraries only ever warn. */
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
