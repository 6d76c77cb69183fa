package com.example;

import org.openface.triplet.internal.Description;

/** What nobody outside this library may do, for the test of the rule against it. */
public interface UsesInternals {
    /** Of the library's own. */
    Description description();
}
