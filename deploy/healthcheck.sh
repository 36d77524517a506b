# healthcheck.sh NAME DEFAULT: succeeds if the service says that it is ready, on MANAGEMENT_PORT, or else on the port in the variable NAME.
# By bash alone: the base images hold neither curl nor wget, and a .NET process every few seconds would cost more than the service.
exec 3<> "/dev/tcp/127.0.0.1/${MANAGEMENT_PORT:-${!1:-$2}}" || exit 1
printf 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
# The first line of the answer: HTTP/1.1 200 OK. The deadline is the one of HEALTHCHECK.
read -r _ status _ <&3
echo "$status"
[[ $status == 200 ]]
