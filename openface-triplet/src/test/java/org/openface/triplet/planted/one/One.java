package org.openface.triplet.planted.one;

import org.openface.triplet.planted.two.Two;

/** One half of a cycle between packages, for the test of the rule against it. */
public interface One {
    /** The other half. */
    Two two();
}
