package io.gatun.proto;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.DescriptorProtos;
import com.google.protobuf.DescriptorProtos.EnumDescriptorProto;
import com.google.protobuf.DescriptorProtos.EnumValueDescriptorProto;
import com.google.protobuf.DescriptorProtos.FieldDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.MethodDescriptorProto;
import com.google.protobuf.DescriptorProtos.ServiceDescriptorProto;
import io.gatun.proto.content.ContentProto;
import io.gatun.proto.diff.DiffProto;
import io.gatun.proto.leases.LeasesProto;
import io.gatun.proto.snapshots.SnapshotsProto;
import io.gatun.proto.types.DescriptorProto;
import io.gatun.proto.types.MountProto;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * Compares the wire types, by name and number, with those in containerd's development package,
 * which {@code scripts/setup} installs. The generated Go code there holds each file's descriptor as
 * an array of bytes.
 */
final class ContainerdApiIT {

  private static final Path API =
      Path.of("/usr/share/gocode/src/github.com/containerd/containerd/api");

  /** Added in API 1.10 (containerd 2.2); the package of Debian 13 is 1.7. */
  private static final String PARENT_OF_COMMIT =
      "containerd.services.snapshots.v1.CommitSnapshotRequest.parent = 5 LABEL_OPTIONAL TYPE_STRING ";

  @Test
  void snapshotsServiceIsContainerds() throws IOException {
    Set<String> ours = describe(SnapshotsProto.getDescriptor().toProto());
    Set<String> theirs = describe(descriptorIn("services/snapshots/v1/snapshots.pb.go"));
    theirs.add(PARENT_OF_COMMIT);

    assertThat(theirs).hasSizeGreaterThan(60);
    assertThat(ours).isEqualTo(theirs);
  }

  @Test
  void mountIsContainerds() throws IOException {
    Set<String> theirs = describe(descriptorIn("types/mount.pb.go"));

    assertThat(theirs).hasSize(5);
    assertThat(describe(MountProto.getDescriptor().toProto())).isEqualTo(theirs);
  }

  @Test
  void descriptorIsContainerds() throws IOException {
    Set<String> theirs = describe(descriptorIn("types/descriptor.pb.go"));

    assertThat(theirs).hasSize(8);
    assertThat(describe(DescriptorProto.getDescriptor().toProto())).isEqualTo(theirs);
  }

  @Test
  void diffServiceIsContainerds() throws IOException {
    Set<String> theirs = describe(descriptorIn("services/diff/v1/diff.pb.go"));

    assertThat(theirs).hasSizeGreaterThan(20);
    assertThat(describe(DiffProto.getDescriptor().toProto())).isEqualTo(theirs);
  }

  @Test
  void contentServiceIsAPartOfContainerds() throws IOException {
    Set<String> ours = describe(ContentProto.getDescriptor().toProto());
    Set<String> theirs = describe(descriptorIn("services/content/v1/content.pb.go"));

    assertThat(theirs).containsAll(ours);
    assertThat(ours).containsAll(fieldsOfSharedMessages(ours, theirs));
  }

  @Test
  void leasesServiceIsAPartOfContainerds() throws IOException {
    Set<String> ours = describe(LeasesProto.getDescriptor().toProto());
    Set<String> theirs = describe(descriptorIn("services/leases/v1/leases.pb.go"));

    assertThat(theirs).containsAll(ours);
    assertThat(ours).containsAll(fieldsOfSharedMessages(ours, theirs));
  }

  /** Messages defined here must have all their fields. */
  private static Set<String> fieldsOfSharedMessages(Set<String> ours, Set<String> theirs) {
    Set<String> messages = new TreeSet<>(ours);
    messages.removeIf(line -> line.contains(" "));
    Set<String> fields = new TreeSet<>();
    for (String line : theirs) {
      int end = line.indexOf(" = ");
      if (end >= 0 && messages.contains(line.substring(0, line.lastIndexOf('.', end)))) {
        fields.add(line);
      }
    }
    assertThat(fields).isNotEmpty();
    return fields;
  }

  private static FileDescriptorProto descriptorIn(String generatedFile) throws IOException {
    Path file = API.resolve(generatedFile);
    assertThat(file).as("containerd's development package (scripts/setup installs it)").exists();
    String code = Files.readString(file, ISO_8859_1);
    Matcher array = Pattern.compile("_rawDesc = \\[]byte\\{([^}]*)}").matcher(code);
    assertThat(array.find()).as("descriptor in %s", file).isTrue();
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Matcher number = Pattern.compile("0x([0-9a-f]{2})").matcher(array.group(1));
    while (number.find()) {
      bytes.write(Integer.parseInt(number.group(1), 16));
    }
    return FileDescriptorProto.parseFrom(bytes.toByteArray());
  }

  /** A line for every element that affects the wire format. */
  private static Set<String> describe(FileDescriptorProto file) {
    Set<String> lines = new TreeSet<>();
    String name = file.getPackage();
    for (DescriptorProtos.DescriptorProto message : file.getMessageTypeList()) {
      describe(name + "." + message.getName(), message, lines);
    }
    for (EnumDescriptorProto choice : file.getEnumTypeList()) {
      for (EnumValueDescriptorProto value : choice.getValueList()) {
        lines.add(
            "%s.%s.%s = %d".formatted(name, choice.getName(), value.getName(), value.getNumber()));
      }
    }
    for (ServiceDescriptorProto service : file.getServiceList()) {
      for (MethodDescriptorProto method : service.getMethodList()) {
        lines.add(
            "%s.%s/%s(%s %s) returns (%s %s)"
                .formatted(
                    name,
                    service.getName(),
                    method.getName(),
                    method.getClientStreaming() ? "stream" : "one",
                    method.getInputType(),
                    method.getServerStreaming() ? "stream" : "one",
                    method.getOutputType()));
      }
    }
    return lines;
  }

  private static void describe(
      String name, DescriptorProtos.DescriptorProto message, Set<String> lines) {
    lines.add(name + (message.getOptions().getMapEntry() ? " (map entry)" : ""));
    for (FieldDescriptorProto field : message.getFieldList()) {
      lines.add(
          "%s.%s = %d %s %s %s"
              .formatted(
                  name,
                  field.getName(),
                  field.getNumber(),
                  field.getLabel(),
                  field.getType(),
                  field.getTypeName()));
    }
    for (DescriptorProtos.DescriptorProto nested : message.getNestedTypeList()) {
      describe(name + "." + nested.getName(), nested, lines);
    }
  }
}
