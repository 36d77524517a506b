vcl 4.1;

# Varnish in front of ProductCache, with purges by bans, where the package varnish-modules is not available: PURGE_VARNISH_METHOD=ban.
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
    if (req.method == "BAN") {
        if (client.ip !~ purgers) {
            return (synth(403, "Forbidden"));
        }
        # It names no part of the request, so that Varnish can test stored responses against it in the background.
        ban("obj.http.Surrogate-Key ~ " + req.http.ban-tags);
        return (synth(200, "Banned"));
    }
}

sub vcl_backend_response {
    # With grace, a response could be served beyond its lifetime while another is fetched.
    set beresp.grace = 0s;
}
