package org.openface.nn4.internal.format;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.common.hash.HashCode;
import com.google.common.hash.Hashing;
import java.util.ArrayList;
import java.util.List;

/**
 * What the checksum of a model is of: a line {@code key=value} for each entry of the metadata but the checksum itself, and a
 * line {@code name type [shape] sha256} for each tensor, such as {@code conv1.bias F32 [64] 09ab…}, all sorted and each ended
 * by a line feed. So it does not depend on the order of a file or on how its JSON is laid out.
 */
final class Manifest {
    private final List<String> lines = new ArrayList<>();

    void metadata(String key, String value) {
        lines.add(key + "=" + value);
    }

    void tensor(SafetensorsTensor tensor, HashCode sha256) {
        lines.add(tensor.name() + " " + tensor.type() + " " + tensor.shapeText() + " " + sha256);
    }

    /** In hexadecimal digits. */
    String sha256() {
        StringBuilder text = new StringBuilder();
        lines.stream().sorted().forEach(line -> text.append(line).append('\n'));
        return Hashing.sha256().hashString(text, UTF_8).toString();
    }
}
