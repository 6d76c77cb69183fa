package org.openface.nn4;

import org.nd4j.linalg.factory.Nd4j;

/** The ND4J backend that the application chose. */
final class Backend {
    private Backend() {}

    /**
     * Starts ND4J, or says what to add.
     *
     * @throws IllegalStateException if no backend can be started
     */
    static void require() {
        try {
            Nd4j.getBackend();
        } catch (LinkageError e) {
            Throwable root = e;
            while (root.getCause() != null) {
                root = root.getCause();
            }
            throw new IllegalStateException(
                    "no ND4J backend on the class path; add org.nd4j:nd4j-native:1.0.0-M2.1 with the classifier of your"
                            + " system such as linux-x86_64-onednn (CPU), or org.nd4j:nd4j-cuda-11.6:1.0.0-M2.1 (GPU): "
                            + root,
                    e);
        }
    }
}
