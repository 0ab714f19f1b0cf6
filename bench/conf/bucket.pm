# SPDX-License-Identifier: MIT
# bucket.pm: how the bucket answers, after the delay of its port: ListObjectsV2 (AWS S3 API reference) from the
# directories below data/ here, an object by nginx.
package bucket;
use strict;
use warnings;
use nginx;

my $PAGE = 1000;

sub answer {
	my $r = shift;
	my %query = map { my ($name, $value) = split /=/, $_, 2; (unquote($name), unquote($value)) }
		split /&/, $r->args // '';
	my ($bucket) = $r->uri =~ m{^/([^/]+)/?$};
	return list($r, "$bucket", \%query) if $bucket && ($query{'list-type'} // '') eq '2';
	$r->internal_redirect('/now' . $r->uri);
	return OK;
}

sub handler {
	my $r = shift;
	my $delay = $r->variable('delay_ms');
	return answer($r) unless $delay;
	$r->sleep($delay, \&answer);
	return OK;
}

sub unquote {
	my $s = shift // '';
	$s =~ tr/+/ /;
	$s =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
	return $s;
}

# As it stands in a listing: a space is listed as "+" where keys are quoted.
sub listed {
	my ($s, $quoted) = @_;
	if ($quoted) {
		$s =~ s{([^A-Za-z0-9_.~/ -])}{sprintf '%%%02X', ord $1}ge;
		$s =~ tr/ /+/;
	}
	$s =~ s/([&<>"\r])/sprintf '&#%d;', ord $1/ge;
	return $s;
}

# The keys that begin with prefix; with a delimiter those below a folder are that folder, once.
sub keys_of {
	my ($root, $prefix, $delimiter) = @_;
	my ($folder) = $prefix =~ m{^(.*/)}s ? $1 : '';
	return () if "/$folder" =~ m{/\.{0,2}/} || !opendir(my $directory, "$root/$folder");
	my @keys;
	for my $name (readdir $directory) {
		my $key = $folder . $name;
		next if $name =~ /^\.\.?$/ || index($key, $prefix) != 0;
		my $is_folder = -d "$root/$key";
		push @keys, !$is_folder ? $key : $delimiter ? "$key/" : keys_of($root, "$key/", '');
	}
	return @keys;
}

sub object {
	my ($root, $key, $quoted) = @_;
	my ($size, $time) = (stat "$root/$key")[7, 9];
	my ($second, $minute, $hour, $day, $month, $year) = gmtime $time;
	return sprintf '<Contents><Key>%s</Key><LastModified>%d-%02d-%02dT%02d:%02d:%02d.000Z</LastModified>'
		. '<ETag>&quot;%x-%x&quot;</ETag><Size>%d</Size><StorageClass>STANDARD</StorageClass></Contents>',
		listed($key, $quoted), $year + 1900, $month + 1, $day, $hour, $minute, $second, $time, $size, $size;
}

# One page. The token is the last key of the one before, so a page begins after it.
sub list {
	my ($r, $bucket, $query) = @_;
	my $root = $r->variable('data') . "/$bucket";
	my ($prefix, $delimiter) = map { $query->{$_} // '' } 'prefix', 'delimiter';
	my $quoted = ($query->{'encoding-type'} // '') eq 'url';
	my $token = $query->{'continuation-token'};
	my $after = defined $token ? pack('H*', $token) : $query->{'start-after'} // '';
	my $most = $query->{'max-keys'} // $PAGE;
	$most = $PAGE if $most > $PAGE;
	my @keys = grep { $_ gt $after } sort(keys_of($root, $prefix, $delimiter));
	my $more = @keys > $most;
	$#keys = $most - 1 if $more;

	my $xml = '<?xml version="1.0" encoding="UTF-8"?>' . "\n"
		. '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
		. "<Name>$bucket</Name><Prefix>" . listed($prefix, $quoted) . '</Prefix>'
		. ($delimiter ? '<Delimiter>' . listed($delimiter, $quoted) . '</Delimiter>' : '')
		. ($quoted ? '<EncodingType>url</EncodingType>' : '')
		. "<MaxKeys>$most</MaxKeys><KeyCount>" . @keys . '</KeyCount>'
		. '<IsTruncated>' . ($more ? 'true' : 'false') . '</IsTruncated>'
		. ($more && @keys ? '<NextContinuationToken>' . unpack('H*', $keys[-1]) . '</NextContinuationToken>' : '');
	$xml .= object($root, $_, $quoted) for grep { !m{/$} } @keys;
	$xml .= '<CommonPrefixes><Prefix>' . listed($_, $quoted) . '</Prefix></CommonPrefixes>'
		for grep { m{/$} } @keys;
	$xml .= '</ListBucketResult>';
	$r->header_out('Content-Length', length $xml);
	$r->send_http_header('application/xml');
	$r->print($xml) unless $r->header_only;
	return OK;
}

1;
