package io.gatun.server;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;
import java.util.logging.Handler;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.SimpleFormatter;
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
  static void setLevel(org.slf4j.event.Level level) {
    LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.getLogger(OURS).setLevel(Level.convertAnSLF4JLevel(level));
  }

  /**
   * Forwards the logging of grpc-java, which uses {@code java.util.logging}, to slf4j. By default
   * the JDK prints a stack trace for every client that does not speak HTTP/2.
   *
   * <p>Warnings stay warnings, on one line. All else is logged at debug level, and so are the
   * transport's messages, which are about clients that disconnect.
   */
  private static final class GrpcLog extends Handler {

    private static final String TRANSPORT = "io.grpc.netty.";

    private final SimpleFormatter formatter = new SimpleFormatter();

    /** Replaces the JDK's handlers. */
    static void install() {
      LogManager.getLogManager().reset();
      java.util.logging.Logger.getLogger("").addHandler(new GrpcLog());
    }

    @Override
    public void publish(LogRecord event) {
      org.slf4j.Logger log = LoggerFactory.getLogger(String.valueOf(event.getLoggerName()));
      if (event.getLevel().intValue() >= java.util.logging.Level.WARNING.intValue()
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
}
