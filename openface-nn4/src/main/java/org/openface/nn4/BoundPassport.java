package org.openface.nn4;

import org.openface.nn4.internal.engine.Executor;

/**
 * A model's passport, whose threshold is one for the present weights only: when others embed, there is none. Written to by
 * whoever has the network to himself, read by anyone.
 */
final class BoundPassport {
    private final Executor executor;
    private volatile ModelPassport passport = ModelPassport.EMPTY;
    /** The version of the weights for which the passport's threshold is known to hold. */
    private int thresholdVersion;
    /** The fingerprint last computed, and the version of the weights that it is of. */
    private String fingerprint = "";

    private int fingerprintVersion;

    BoundPassport(Executor executor) {
        this.executor = executor;
    }

    ModelPassport get() {
        return passport;
    }

    /** Replaces the passport, without a threshold that is one for other weights. */
    void set(ModelPassport newPassport) {
        if (newPassport.threshold().isPresent()) {
            thresholdVersion = executor.version();
            passport = newPassport.of(fingerprint());
        } else {
            passport = newPassport;
        }
    }

    /** Drops the threshold if what embeds has changed since it held. */
    void refresh() {
        if (passport.threshold().isPresent() && executor.version() != thresholdVersion) {
            set(passport);
        }
    }

    /** Of what embeds now. */
    String fingerprint() {
        int version = executor.version();
        if (version != fingerprintVersion) {
            fingerprint = executor.state().embedding().fingerprint();
            fingerprintVersion = version;
        }
        return fingerprint;
    }
}
