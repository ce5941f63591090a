package io.gatun.server.content;

import io.gatun.snapshot.SnapshotException;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The namespace of containerd that a call is made in, which is a header of the call, or should be:
 * Debian's containerd 1.7.24 does not pass it on to its plugins, as others do.
 *
 * <p>Who names a blob sees only those of this namespace, so it is passed on to containerd as it
 * came.
 */
public final class CallNamespace implements ServerInterceptor {

  public static final Metadata.Key<String> HEADER =
      Metadata.Key.of("containerd-namespace", Metadata.ASCII_STRING_MARSHALLER);

  private static final Context.Key<String> NAMESPACE = Context.key("containerd-namespace");

  /** containerd's identifiers (its package identifiers). */
  private static final Pattern FORM = Pattern.compile("[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*");

  private static final int LENGTH_MAX = 76;

  @Override
  public <ReqT, RespT> ServerCall.Listener<ReqT> interceptCall(
      ServerCall<ReqT, RespT> call, Metadata headers, ServerCallHandler<ReqT, RespT> next) {
    String namespace = headers.get(HEADER);
    Context context =
        namespace == null ? Context.current() : Context.current().withValue(NAMESPACE, namespace);
    return Contexts.interceptCall(context, call, headers, next);
  }

  /** {@return what the call that is being handled says, checked by nobody yet} */
  public static Optional<String> said() {
    return Optional.ofNullable(NAMESPACE.get());
  }

  /**
   * {@return the namespace in a key} containerd puts it in front of the keys that it gives to a
   * snapshotter, as in {@code k8s.io/12/extract-123 sha256:...}.
   */
  public static Optional<String> inKey(String key) {
    int end = key.indexOf('/');
    return end < 0 ? Optional.empty() : Optional.of(key.substring(0, end));
  }

  /**
   * {@return the namespace of a call}
   *
   * @param said what {@link #said} answered when it came, or what is known otherwise
   * @throws SnapshotException.InvalidArgument if it has none, or one that containerd does not have
   */
  public static String require(String operation, Optional<String> said) {
    String namespace =
        said.orElseThrow(
            () ->
                new SnapshotException.InvalidArgument(
                    "%s: the call has no header %s".formatted(operation, HEADER.name())));
    if (namespace.length() > LENGTH_MAX || !FORM.matcher(namespace).matches()) {
      throw new SnapshotException.InvalidArgument(
          "%s: \"%s\" is no namespace".formatted(operation, namespace));
    }
    return namespace;
  }
}
