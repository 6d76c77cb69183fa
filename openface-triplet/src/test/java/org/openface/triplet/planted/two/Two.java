package org.openface.triplet.planted.two;

import org.openface.triplet.planted.one.One;

/** One half of a cycle between packages, for the test of the rule against it. */
public interface Two {
    /** The other half. */
    One one();
}
