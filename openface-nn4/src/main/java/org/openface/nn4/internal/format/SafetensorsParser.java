package org.openface.nn4.internal.format;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads the JSON that headers of safetensors files are made of, and no other. */
final class SafetensorsParser {
    private final String text;
    private int at;
    final Map<String, SafetensorsTensor> tensors = new LinkedHashMap<>();
    final Map<String, String> metadata = new LinkedHashMap<>();
    private boolean metadataSeen;

    SafetensorsParser(String text) {
        this.text = text;
    }

    void parse() throws IOException {
        expect('{');
        if (!accept('}')) {
            do {
                String name = string();
                expect(':');
                if (name.equals(SafetensorsHeader.METADATA)) {
                    if (metadataSeen) {
                        throw damaged(SafetensorsHeader.METADATA + " twice");
                    }
                    metadataSeen = true;
                    metadata();
                } else if (tensors.put(name, tensor(name)) != null) {
                    throw damaged("tensor " + name + " twice");
                }
            } while (accept(','));
            expect('}');
        }
        skipSpace();
        if (at != text.length()) {
            throw damaged("something after its end");
        }
    }

    private void metadata() throws IOException {
        expect('{');
        if (accept('}')) {
            return;
        }
        do {
            String key = string();
            expect(':');
            if (metadata.put(key, string()) != null) {
                throw damaged(key + " twice");
            }
        } while (accept(','));
        expect('}');
    }

    private SafetensorsTensor tensor(String name) throws IOException {
        String type = null;
        List<Long> shape = null;
        List<Long> place = null;
        expect('{');
        Set<String> keys = new HashSet<>();
        do {
            String key = string();
            if (!keys.add(key)) {
                throw damaged("tensor " + name + " with " + key + " twice");
            }
            expect(':');
            switch (key) {
                case "dtype" -> type = string();
                case "shape" -> shape = numbers();
                case "data_offsets" -> place = numbers();
                default -> throw damaged("the unknown key " + key);
            }
        } while (accept(','));
        expect('}');
        if (type == null || shape == null || shape.size() > 8 || place == null || place.size() != 2) {
            throw damaged("no sound description of tensor " + name);
        }
        for (TensorType known : TensorType.values()) {
            if (known.name().equals(type)) {
                return new SafetensorsTensor(name, known, shape, place.get(0), place.get(1));
            }
        }
        throw new IOException("tensor " + name + " has the type " + type + "; " + TensorType.READABLE);
    }

    private List<Long> numbers() throws IOException {
        List<Long> numbers = new ArrayList<>();
        expect('[');
        if (accept(']')) {
            return numbers;
        }
        do {
            skipSpace();
            int start = at;
            while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
                at++;
            }
            if (at == start || at - start > 15) {
                throw damaged("no whole number where one is expected");
            }
            numbers.add(Long.valueOf(text.substring(start, at)));
        } while (accept(','));
        expect(']');
        return numbers;
    }

    private String string() throws IOException {
        expect('"');
        StringBuilder string = new StringBuilder();
        while (true) {
            char c = next();
            if (c == '"') {
                return string.toString();
            }
            if (c < ' ') {
                throw damaged("a control character in a string");
            }
            string.append(c == '\\' ? escaped() : c);
        }
    }

    private char escaped() throws IOException {
        char c = next();
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> {
                int code = 0;
                for (int i = 0; i < 4; i++) {
                    int digit = Character.digit(next(), 16);
                    if (digit < 0) {
                        throw damaged("an escape that is none");
                    }
                    code = 16 * code + digit;
                }
                yield (char) code;
            }
            default -> throw damaged("an escape that is none");
        };
    }

    private char next() throws IOException {
        if (at >= text.length()) {
            throw damaged("no end");
        }
        return text.charAt(at++);
    }

    private void skipSpace() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private boolean accept(char c) {
        skipSpace();
        boolean there = at < text.length() && text.charAt(at) == c;
        if (there) {
            at++;
        }
        return there;
    }

    private void expect(char c) throws IOException {
        if (!accept(c)) {
            throw damaged("no " + c + " at character " + at);
        }
    }

    private static IOException damaged(String how) {
        return new IOException("the safetensors file is damaged: its header has " + how);
    }
}
