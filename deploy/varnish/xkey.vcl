vcl 4.1;

# Varnish in front of ProductCache, with purges by xkey (the package varnish-modules): PURGE_VARNISH_METHOD=xkey.
import xkey;

backend default {
    .host = "api";
    .port = "8000";
}

# The Workers.
acl purgers {
    "localhost";
    "10.0.0.0"/8;
    "172.16.0.0"/12;
    "192.168.0.0"/16;
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(403, "Forbidden"));
        }
        set req.http.purged = xkey.purge(req.http.xkey-purge);
        return (synth(200, "Purged " + req.http.purged + " responses"));
    }
}

sub vcl_backend_response {
    set beresp.http.xkey = beresp.http.Surrogate-Key;
    # With grace, a response could be served beyond its lifetime while another is fetched.
    set beresp.grace = 0s;
}

sub vcl_deliver {
    unset resp.http.xkey;
}
