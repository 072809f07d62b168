# Instead of Dockerfile where EDGEFLEET_BASE_IMAGE names an image: what the others count on must be in it.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
RUN python3 --version && test -s /etc/ssl/certs/ca-certificates.crt
