# SPDX-License-Identifier: MIT
# Varnish as a caching symbol proxy: names lower-cased, misses kept for as long as everybody does, every client of a
# running fetch streamed to (its default).
vcl 4.1;
import std;
backend bucket { .host = "127.0.0.1"; .port = "@origin@"; }
sub vcl_recv {
	set req.url = "/bucket" + std.tolower(req.url);
	return (hash);
}
sub vcl_hash {
	hash_data(req.url);
	return (lookup);
}
sub vcl_backend_response {
	set beresp.ttl = 1d;
	if (beresp.status == 404 || beresp.status == 403) {
		set beresp.ttl = @miss_ttl@;
	}
	set beresp.grace = 0s;
	return (deliver);
}
