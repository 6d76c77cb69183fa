package org.openface.core.internal;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PortableNameTest {
    @ParameterizedTest
    @CsvSource({
        "Ann, ann",
        "a.JPG, A.jpg",
        "\u00c9ric, \u00e9ric",
        "\u00c9ric, E\u0301ric", // NFC, NFD
        "\u00c9ric, e\u0301RIC",
        "\u1ec7, E\u0323\u0302",
        "\u1ec7, E\u0302\u0323", // the order of accents
        "STRASSE, Stra\u00dfe",
        "STRASSE, STRA\u1e9eE",
        "\u039f\u0394\u039f\u03a3, \u03bf\u03b4\u03bf\u03c2", // a sigma at the end
        "\u03bf\u03b4\u03bf\u03c3, \u03bf\u03b4\u03bf\u03c2",
        "\ud801\udc00, \ud801\udc28", // Deseret, beyond 16 bits
        "\u212bngstr\u00f6m, \u00e5ngstr\u00f6m",
        "\uac00, \u1100\u1161", // Hangul
        "ann, ann.",
        "ann, 'ann .. '",
        "ann, a\u200dnn",
        "\u2764\ufe0f, \u2764",
    })
    void theSameSomewhere(String one, String other) {
        assertThat(PortableName.key(one)).isEqualTo(PortableName.key(other));
    }

    @ParameterizedTest
    @CsvSource({
        "ann, anna",
        "ann, ' ann'",
        "ann, .ann",
        "a.nn, ann",
        "Aydin, Ayd\u0131n",
        "\u00c9ric, Eric",
        "J\u00f6rg, Joerg",
        "\u4e00, \u4e8c",
        "1, \u2460",
        "\u0130, i",
    })
    void differentEverywhere(String one, String other) {
        assertThat(PortableName.key(one)).isNotEqualTo(PortableName.key(other));
    }
}
